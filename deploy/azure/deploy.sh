#!/usr/bin/env bash
# Wattgate in Azure: `deploy.sh --help`. Needs az and curl; docker only with --docker.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

help() {
  cat <<'HELP'
Usage: deploy.sh [OPTION...] COMMAND...

Runs Wattgate in Azure: `az login` first, then the commands, carried out in the order given. A first time is
  deploy.sh prepare                  which tells the name that the certificate has to be for; make the secrets
  deploy.sh secrets build push deploy wait smoke
and another version of the code is
  deploy.sh --tag 0.2.0 build push deploy wait smoke

Commands
  prepare   make the resource group, and in it a registry, an identity and a vault
  secrets   put the files of the secrets' folder into the vault
  build     build the images, in the registry or, with --docker, on this machine
  push      send images that were built on this machine to the registry
  deploy    start what --to names, or replace it
  wait      until the gateway is ready, ten minutes at most
  smoke     call it as a stranger would, from outside
  down      delete the resource group and all in it; asks first

Options
  --to TARGET       group       one gateway and one model server, a container group (the default)
                    group-yaml  the same by container-group.yaml, its secrets from the folder instead of the vault
                    apps        Container Apps that scale, with a PostgreSQL of their own
  --group NAME      resource group (wattgate)
  --location NAME   region (westeurope)
  --name NAME       begins the names of all there is: 3 to 11 small letters and digits (wattgate)
  --tag TAG         of the images (the version in pyproject.toml)
  --secrets FOLDER  what `secrets` takes (var/azure), each a file:
                      tls-certificate  PEM, for the name that callers use
                      tls-key          its key
                      token-key        PEM, EC on P-256, signs tokens
                      password-pepper  32 random bytes or more
                      database-url     postgresql://..., for container groups and AKS
                      database-password  instead of database-url, for apps
                    README.md has the commands that make them.
  --host NAME       name that callers use and the certificate is for (the container group's own)
  --ca FILE         authority that signed the certificate, or itself where it did that (those this machine trusts)
  --docker          build with docker on this machine
  --dry-run         print what would be called, and call nothing
  --yes             do not ask before `down`
HELP
}

die() {
  echo "deploy.sh: $*" >&2
  exit 1
}

images() { # name and Dockerfile of each
  echo "wattgate-gateway deploy/images/gateway.Dockerfile"
  echo "wattgate-tensorflow-serving services/serving/Dockerfile"
}

run() { # a command, or its words
  if [ "$dry_run" ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

answer() { # what a command prints; on a dry run <WHAT>
  local what=$1
  shift
  if [ "$dry_run" ]; then
    run "$@" >&2
    echo "<$what>"
  else
    "$@"
  fi
}

output() { # of a deployment
  answer "$2" az deployment group show --resource-group "$group" --name "$1" \
    --query "properties.outputs.$2.value" --output tsv
}

address() { # where the platform answers for a port
  if [ "$to" != apps ]; then
    echo "$(output foundation registry).$location.azurecontainer.io"
  elif [ "$1" = 8443 ]; then
    output apps host
  else
    output apps grpcHost
  fi
}

call() { # curl by the name that the certificate is for, whatever name servers say: call ADDRESS PORT PATH OPTION...
  local at=$1 port=$2 path=$3 name=${host:-$1}
  shift 3
  run curl --silent --show-error --max-time 10 ${ca:+--cacert "$ca"} \
    --connect-to "$name:$port:$at:$port" "$@" "https://$name:$port$path"
}

prepare() {
  local administrator
  run az group create --name "$group" --location "$location" --output none
  administrator=$(answer administrator az ad signed-in-user show --query id --output tsv)
  run az deployment group create --resource-group "$group" --name foundation \
    --template-file "$here/foundation.bicep" \
    --parameters "name=$name" "location=$location" "administrator=$administrator" --output none
  if [ "$to" != apps ]; then
    echo "The certificate has to be for ${host:-$(address 8443)}"
  fi
}

secret_names() {
  echo tls-certificate tls-key token-key password-pepper
  if [ "$to" = apps ]; then echo database-password; else echo database-url; fi
}

check_secrets() {
  local secret
  for secret in $(secret_names); do
    [ -s "$secrets/$secret" ] || die "there is no $secrets/$secret: README.md tells how to make it"
  done
}

secrets() {
  local vault secret
  check_secrets
  vault=$(output foundation vault)
  for secret in $(secret_names); do
    run az keyvault secret set --vault-name "$vault" --name "$secret" \
      --file "$secrets/$secret" --encoding utf-8 --output none
  done
}

build() {
  local registry image file
  registry=$(output foundation registry)
  images | while read -r image file; do
    if [ "$docker" ]; then
      run docker build --platform linux/amd64 --tag "$registry.azurecr.io/$image:$tag" --file "$root/$file" "$root"
    else
      run az acr build --registry "$registry" --image "$image:$tag" --file "$root/$file" "$root"
    fi </dev/null
  done
}

push() {
  local registry image _
  if [ ! "$docker" ]; then
    echo "The registry has built the images: there is nothing to push"
    return
  fi
  registry=$(output foundation registry)
  run az acr login --name "$registry"
  images | while read -r image _; do
    run docker push "$registry.azurecr.io/$image:$tag" </dev/null
  done
}

deploy() {
  local registry vault
  registry=$(output foundation registry)
  case $to in
    group)
      vault=$(output foundation vault)
      run az deployment group create --resource-group "$group" --name group --template-file "$here/main.bicep" \
        --parameters "name=$name" "location=$location" "registry=$registry" "vault=$vault" "tag=$tag" \
        "label=$registry" --output none
      ;;
    group-yaml) deploy_yaml "$registry" ;;
    apps)
      vault=$(output foundation vault)
      run az deployment group create --resource-group "$group" --name apps \
        --template-file "$here/container-apps.bicep" \
        --parameters "name=$name" "location=$location" "registry=$registry" "vault=$vault" "tag=$tag" \
        --output none
      ;;
  esac
}

deploy_yaml() {
  local registry=$1 identity text secret
  check_secrets
  identity=$(answer identity az identity show --resource-group "$group" --name "$name" --query id --output tsv)
  text=$(cat "$here/container-group.yaml")
  fill NAME "$name"
  fill LOCATION "$location"
  fill IDENTITY "$identity"
  fill SERVER "$registry.azurecr.io"
  fill LABEL "$registry"
  fill TAG "$tag"
  for secret in $(secret_names); do
    fill "$(echo "$secret" | tr 'a-z-' 'A-Z_')" "$(base64 <"$secrets/$secret" | tr -d '\n')"
  done
  # Secrets are in it: nobody else may read it, and it does not stay.
  filled=$(umask 077 && mktemp "${TMPDIR:-/tmp}/container-group.XXXXXX")
  trap 'rm -f "$filled"' EXIT
  echo "$text" >"$filled"
  run az container create --resource-group "$group" --file "$filled" --output none
}

fill() { # a place in the text, with what
  text=${text//"\${$1}"/"$2"}
}

wait_until_ready() {
  local at tries
  at=$(address 8443)
  for tries in $(seq 60); do
    if call "$at" 8443 /readyz --fail --output /dev/null; then
      return
    fi
    echo "not ready yet ($tries of 60)" >&2
    sleep 10
  done
  die "the gateway is not ready: az container logs --resource-group $group --name $name --container-name gateway"
}

smoke() {
  local at
  at=$(address 8443)
  check '1.1 200' "HTTPS answers, and every model forecasts rightly" call "$at" 8443 /readyz
  check '1.1 401' "nobody forecasts without a token" call "$at" 8443 /predict --request POST
  # The request is a message of no bytes, in gRPC's frame. No pipe: on a dry run nobody reads it.
  check '2 200' "gRPC answers over TLS" call "$(address 8444)" 8444 \
    /grpc.health.v1.Health/Check --http2 --header 'content-type: application/grpc' --header 'te: trailers' \
    --data-binary @- < <(printf '\0\0\0\0\0')
  unreachable "HTTP without TLS" "http://$at:8443/livez"
  unreachable "the model server" "http://$at:8500/"
}

check() { # version of HTTP and status, what they show, the call
  local expected=$1 what=$2 found
  shift 2
  set -- "$@" --output /dev/null --write-out '%{http_version} %{http_code}'
  if [ "$dry_run" ]; then
    "$@"
    return
  fi
  found=$("$@") || true
  [ "$found" = "$expected" ] || die "failed: $what (HTTP $found instead of $expected)"
  echo "ok: $what"
}

unreachable() { # what, where
  if [ "$dry_run" ]; then
    run curl --silent --max-time 5 --output /dev/null "$2"
  elif curl --silent --max-time 5 --output /dev/null "$2"; then
    die "failed: $1 answers at $2"
  else
    echo "ok: $1 does not answer"
  fi
}

down() {
  local sure
  if [ ! "$yes" ] && [ ! "$dry_run" ]; then
    read -r -p "Delete the resource group $group and all in it, the users too? Type its name: " sure
    [ "$sure" = "$group" ] || die "nothing was deleted"
  fi
  run az group delete --name "$group" --yes
}

to=group group=wattgate location=westeurope name=wattgate host='' ca='' docker='' dry_run='' yes=''
secrets=$root/var/azure
tag=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml")

commands=()
while [ $# -gt 0 ]; do
  case $1 in
    --to | --group | --location | --name | --tag | --secrets | --host | --ca)
      [ $# -gt 1 ] || die "$1 takes a value"
      printf -v "${1#--}" %s "$2"
      shift
      ;;
    --docker) docker=1 ;;
    --dry-run) dry_run=1 ;;
    --yes) yes=1 ;;
    --help | -h)
      help
      exit
      ;;
    prepare | secrets | build | push | deploy | smoke | down) commands+=("$1") ;;
    wait) commands+=(wait_until_ready) ;;
    *) die "there is no $1: deploy.sh --help" ;;
  esac
  shift
done

case $to in group | group-yaml | apps) ;; *) die "--to is group, group-yaml or apps" ;; esac
[[ $name =~ ^[a-z][a-z0-9]{2,10}$ ]] || die "--name is 3 to 11 small letters and digits, a letter first"
[ "$tag" != latest ] || die "--tag latest would not say what runs: name a version"
[ "${#commands[@]}" -gt 0 ] || {
  help >&2
  exit 2
}
for command in "${commands[@]}"; do
  "$command"
done
