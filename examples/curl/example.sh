#!/usr/bin/env bash
# Needs curl 7.55 or newer, and jq.
set -euo pipefail

server=${1:-http://127.0.0.1:8080}
name=example-curl
pools=$server/apis/projectcalico.org/v3/ippools
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# Sends a request and leaves the answer in the file, and the reason of a refusal in $reason. Fails when the connection is lost.
# The token is not among the arguments: other users of the machine can see those.
call() {
  curl -sS -o "$answer" -H 'Content-Type: application/json' -H @<(printf '%s' "${IPAM_TOKEN:+Authorization: Bearer $IPAM_TOKEN}") "$@" ||
    return
  reason=$(jq -r 'if .kind == "Status" and .status == "Failure" then .reason else "" end' "$answer")
}

# Goes on when the call succeeded, or was refused for the reason $1; else ends with what the server said.
accept() {
  [ -z "$reason" ] || [ "$reason" = "${1-}" ] || { jq -r .message "$answer" >&2; exit 1; }
}

# Assigns $1 addresses once, however often it has to ask: the key is made for the wish, not for the call.
assign() {
  local tries key
  key=$(cat /proc/sys/kernel/random/uuid)
  for tries in 1 2 3 4 5; do
    call "$server/ipam/v1/assign" -H "Idempotency-Key: $key" \
      -d "{ \"handle\": \"$name\", \"ipv4\": $1, \"pools\": [\"$name\"] }" || continue
    [ "$reason" = ServiceUnavailable ] || return 0
    sleep "$(jq .details.retryAfterSeconds "$answer")"
  done
  echo "no answer after $tries tries" >&2
  exit 1
}

# Makes the change $1, which is jq's, to the pool as it is at that moment: when somebody else was faster, it is made to theirs.
change_pool() {
  while call "$pools/$name" && accept && call -X PUT "$pools/$name" -d "$(jq "$1" "$answer")" && accept Conflict; do
    [ "$reason" = Conflict ] || return 0
    echo 'somebody else changed the pool'
  done
  exit 1
}

call "$pools" -d "{ \"metadata\": { \"name\": \"$name\" }, \"spec\": { \"cidr\": \"10.64.0.0/26\" } }"
accept AlreadyExists
if [ -z "$reason" ]; then echo 'created the pool'; else echo 'the pool is there'; fi

assign 3
accept
echo "assigned $(jq '.addresses | length' "$answer") addresses"
assign 1000
accept InsufficientAddresses
[ -z "$reason" ] || echo 'there are not as many'

next=
while call -G "$server/ipam/v1/addresses" -d "handle=$name" -d limit=2 ${next:+--data-urlencode "continue=$next"} && accept; do
  jq -r '.addresses[] | "holds " + .address' "$answer"
  next=$(jq -r '.continue // ""' "$answer")
  [ -n "$next" ] || break
done

change_pool '.spec.natOutgoing = true'
echo 'replaced the pool'

call -X DELETE "$server/ipam/v1/handles/$name"
accept
echo "released $(jq '.released | length' "$answer") addresses"
