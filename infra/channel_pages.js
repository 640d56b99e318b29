// A page that is about a channel is one object, whichever channel: /live/demo is `live`, /embed/demo is `embed`. What
// names no channel gets it too, and the page says so.
function handler(event) {
  const request = event.request;
  request.uri = request.uri.replace(/^\/(embed|live)\/.*$/, "/$1");
  return request;
}
