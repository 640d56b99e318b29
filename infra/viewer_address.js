// Tells the functions the address of the viewer, whatever the viewer's own headers claim.
function handler(event) {
  const request = event.request;
  request.headers["x-cairn-viewer"] = { value: event.viewer.ip };
  return request;
}
