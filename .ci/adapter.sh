#!/bin/sh
# Makes sure, before a build of minutes, that a Vulkan adapter will answer after it. On Debian and its kin it installs
# what is missing (a C compiler, Mesa's software driver lavapipe); elsewhere it says what to install.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

case "$(uname -s)" in
Linux) ;;
*) exit 0 ;; # Metal and DirectX 12 come with the system.
esac

. .ci/need.sh

command -v cc >/dev/null ||
    need "C compiler (cc)" "gcc libc6-dev" "gcc, or clang with a link called cc, and the C library's headers."

# The probe asks the Vulkan loader for adapters; it is compiled when it is older than its source.
probe=${CARGO_TARGET_DIR:-target}/adapter-probe
answers() {
    # shellcheck disable=SC3013 # every sh has -nt
    if [ ! -x "$probe" ] || [ .ci/adapter.rs -nt "$probe" ]; then
        mkdir -p "$(dirname "$probe")"
        rustc --edition 2024 -o "$probe" .ci/adapter.rs
    fi
    "$probe" 2>/dev/null
}

answers && exit 0
need "Vulkan adapter" "mesa-vulkan-drivers libvulkan1" \
    "the Vulkan loader and the driver of your GPU, or Mesa's software driver \
(Fedora: vulkan-loader mesa-vulkan-drivers; Arch: vulkan-icd-loader vulkan-swrast; Alpine: vulkan-loader mesa-vulkan-swrast)."
answers && exit 0
echo "The Vulkan driver is installed but no adapter answers. If VK_DRIVER_FILES or VK_ICD_FILENAMES is set, unset it." >&2
exit 1
