// Starts telegram-test-api on 127.0.0.1 on the given port, and prints "ready".
const TelegramServer = require("telegram-test-api");

const server = new TelegramServer({ port: Number(process.argv[2]), host: "127.0.0.1" });
server.start().then(() => console.log("ready"));
