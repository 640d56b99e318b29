// All channels share one object for a page: /live/demo is `live`, /embed/demo is `embed`. A path that names no channel
// gets it too, and the page says so.
function handler(event) {
  const request = event.request;
  request.uri = request.uri.replace(/^\/(embed|live)\/.*$/, "/$1");
  return request;
}
