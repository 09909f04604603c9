#!/usr/bin/env bash
# mesa.sh SUITE: prints a folder that holds that suite of Debian (trixie, forky) with its lavapipe, to be entered by
# chroot; makes it if it is not there or older than two weeks, since testing moves. It lies in the user's cache, so that
# it is kept between runs. Needs root and the archive that apt uses; says why where there can be none.
set -euo pipefail
suite=$1
folder=${XDG_CACHE_HOME:-$HOME/.cache}/weightproof-ci/$suite
exec 3>&1 >&2

((EUID == 0)) || { echo "no root, so no chroot"; exit 1; }
if [ -f "$folder/ready" ] && [ -z "$(find "$folder/ready" -mtime +14)" ]; then
    echo "$folder" >&3
    exit
fi
mirror=$(apt-get indextargets --format '$(COMPONENT) $(SITE) $(REPO_URI)' 'Created-By: Packages' |
    awk '$1 == "main" && $2 !~ /security/ && $3 !~ /security/ { print $3; exit }')
[ -n "$mirror" ] || { echo "apt has no Debian archive"; exit 1; }
command -v debootstrap >/dev/null || { echo "there is no debootstrap"; exit 1; }
# Debian 12's debootstrap knows no forky; all suites since sid are made alike.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
if ! timeout 600 debootstrap --variant=minbase --include=mesa-vulkan-drivers,libvulkan1 "$suite" "$folder" "$mirror" "$script" \
    >"$folder.log" 2>&1; then
    tail -n 5 "$folder.log"
    rm -rf "$folder"
    exit 1
fi
rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/*
touch "$folder/ready"
echo "$folder" >&3
