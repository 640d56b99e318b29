#!/bin/sh
# Checks a message that you saved, or sends one that is signed as Cairn's are to your own receiver.
#   WEBHOOK_SECRET=whsec_… sh verify.sh body.json "$webhook_id" "$webhook_timestamp" "$webhook_signature"
#   WEBHOOK_SECRET=whsec_… sh verify.sh body.json http://127.0.0.1:8000/hook
set -eu

sign() { # body id timestamp
  key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
  [ -n "$key" ] || { echo "WEBHOOK_SECRET is not whsec_ and base64" >&2; exit 1; }
  { printf '%s.%s.' "$2" "$3"; cat "$1"; } |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A
}

case $# in
  4)
    expected=$(sign "$1" "$2" "$3")
    [ -n "$expected" ] || exit 1
    case " $4 " in
      *" v1,$expected "*) echo "genuine" ;;
      *) echo "not signed with this secret, or changed" >&2; exit 1 ;;
    esac
    ;;
  2)
    id=msg_test_$$ now=$(date +%s)
    signature=$(sign "$1" "$id" "$now")
    curl -si "$2" -H 'content-type: application/json' --data-binary @"$1" -H "webhook-id: $id" \
      -H "webhook-timestamp: $now" -H "webhook-signature: v1,$signature"
    ;;
  *) sed -n 2,4p "$0" >&2; exit 2 ;;
esac
