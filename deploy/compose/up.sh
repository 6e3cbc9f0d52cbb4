#!/usr/bin/env bash
# Builds the images, makes certificates and secrets on first use, starts the system, and says what to type next.
#
#   deploy/compose/up.sh [embedded] [scale] [observe] [triton] [bentoml]
#
# HOSTS="gateway.example 192.0.2.7" are further names of the gateway, for the certificate that is made here.
set -euo pipefail
cd "$(dirname "$0")"
export WATTGATE_SECRETS=${WATTGATE_SECRETS:-$PWD/.secrets}

files=(--file compose.yaml)
for overlay in "$@"; do files+=(--file "compose.$overlay.yaml"); done
# What two of them ask for together.
for overlay in embedded observe; do
  if [[ " $* " == *" scale "* && " $* " == *" $overlay "* ]]; then files+=(--file "compose.scale.$overlay.yaml"); fi
done
if [ -e compose.override.yaml ]; then files+=(--file compose.override.yaml); fi
compose() { docker compose "${files[@]}" "$@"; }

compose build
image=$(compose config --images | grep '^wattgate-gateway:' | sort --unique)

mkdir -p "$WATTGATE_SECRETS"
hosts=()
for host in ${HOSTS:-}; do hosts+=(--host "$host"); done
# As root, for each file to get the owner who reads it; with no right but that, and no network.
made=$(docker run --rm --network none --read-only --user 0:0 --cap-drop ALL --cap-add CHOWN --cap-add DAC_OVERRIDE \
  --security-opt no-new-privileges --volume "$WATTGATE_SECRETS:/secrets" --entrypoint python \
  "$image" -m services.local.containers /secrets ${hosts[@]+"${hosts[@]}"})

# A container goes on with the files it started with.
compose up --detach --wait --wait-timeout 300 --remove-orphans ${made:+--force-recreate}

project=$(compose config | sed -n 's/^name: //p')
https=$(compose port gateway 8443) grpc=$(compose port gateway 8444)
url=https://localhost:${https##*:}
url=${url%:443}
ca=${WATTGATE_SECRETS#"$OLDPWD/"}/ca.pem
cat <<TEXT

Wattgate answers at $url, and over gRPC at localhost:${grpc##*:}.

The first user, who may add others; you are asked for a password, 15 characters or more:

  docker compose -p $project exec gateway python -m wattgate users add ada --admin

A forecast (put the password in the place of PASSWORD):

  TOKEN=\$(curl -s --cacert $ca $url/token \\
    -d username=ada --data-urlencode password=PASSWORD | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl --cacert $ca -H "Authorization: Bearer \$TOKEN" \\
    -F file=@samples/supermarket.csv $url/predict/gru

Its log, and its end:

  docker compose -p $project logs --follow gateway
  make compose-down
TEXT
