# Verifies a webhook of Cairn. Needs Python alone.
import base64
import hashlib
import hmac
import time


def verify(secret, headers, body):
    """Raise ValueError unless `body`, the bytes as they came, are signed with `secret` ("whsec_…") and recent.

    In Flask: verify(os.environ["WEBHOOK_SECRET"], request.headers, request.get_data())
    """
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        raise ValueError("the message is older than five minutes, or your clock is wrong")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    signatures = headers["webhook-signature"].split(" ")  # two, while a secret rotates
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures):
        raise ValueError("the signature is not of this secret, or the body was changed")
