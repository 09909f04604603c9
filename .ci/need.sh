# need WHAT DEBIAN-PACKAGES ELSEWHERE: installs the packages, or says what is missing and how to get it.
need() {
    if command -v apt-get >/dev/null; then
        root=
        [ "$(id -u)" = 0 ] || root=sudo
        if [ -z "$root" ] || command -v sudo >/dev/null; then
            echo "No $1 found: installing $2 with apt-get." >&2
            $root apt-get update -q >&2
            # shellcheck disable=SC2086 # a list of packages
            $root env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends $2 >&2
            return
        fi
        echo "No $1 found. As root: apt-get install $2" >&2
    else
        echo "No $1 found. Install $3" >&2
    fi
    exit 1
}
