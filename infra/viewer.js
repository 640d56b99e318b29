// Tells the functions the viewer's address, and the host that it requested, whatever the viewer's own headers claim.
// CloudFront replaces Host by the function's own, and adds no X-Forwarded-Host.
function handler(event) {
  const request = event.request;
  request.headers["x-cairn-viewer"] = { value: event.viewer.ip };
  request.headers["x-cairn-host"] = { value: request.headers.host.value };
  return request;
}
