#!/usr/bin/env bash
# Puts tollgate into $RUNNER_TEMP/tollgate/bin: a release, if its archive has the checksum that was asked for, else built
# from the source of this action.
set -euo pipefail

stop() { # stop MESSAGE: no decision
  echo "::error title=tollgate::$1"
  exit 2
}

root="$RUNNER_TEMP/tollgate"
if [ -x "$root/bin/tollgate" ]; then exit 0; fi
case "$RUNNER_OS-$RUNNER_ARCH" in
  Linux-X64) target=x86_64-unknown-linux-musl ;;
  Linux-ARM64) target=aarch64-unknown-linux-musl ;;
  macOS-X64) target=x86_64-apple-darwin ;;
  macOS-ARM64) target=aarch64-apple-darwin ;;
  *) stop "it runs on Linux and macOS, x86-64 and ARM64" ;;
esac

if [ -z "$INPUT_VERSION" ]; then
  command -v cargo >/dev/null || stop "there is no cargo to build it with; name a release with version and sha256"
  cargo install --locked --quiet --path "$GITHUB_ACTION_PATH" --root "$root"
  exit 0
fi

[[ "$INPUT_VERSION" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || stop "version is not like 1.2.3"
[[ "$INPUT_SHA256" =~ ^[0-9a-f]{64}$ ]] || stop "sha256 is not 64 hex digits; a version without its checksum is not installed"
name="tollgate-v$INPUT_VERSION-$target"
folder=$(mktemp -d "$RUNNER_TEMP/tollgate-install.XXXXXX")
curl --proto '=https' --tlsv1.2 --fail --location --silent --show-error \
  --output "$folder/archive" "$INPUT_RELEASES/v$INPUT_VERSION/$name.tar.gz" || stop "the release $INPUT_VERSION cannot be fetched"
if command -v sha256sum >/dev/null; then
  found=$(sha256sum "$folder/archive")
else
  found=$(shasum -a 256 "$folder/archive")
fi
[ "${found%% *}" = "$INPUT_SHA256" ] || stop "the archive of release $INPUT_VERSION has another checksum"
tar -xzf "$folder/archive" -C "$folder" "$name/tollgate"
mkdir -p "$root/bin"
mv "$folder/$name/tollgate" "$root/bin/tollgate"
