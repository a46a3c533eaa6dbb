#!/bin/bash
# newer-libgphoto2.sh: has a libgphoto2 that can set AF points (2.5.32 or newer) for the tests, and prints its folder.
#
# Debian 12 and 13 ship older ones. Packages of Debian's next release are downloaded with apt's own means into
# ~/.cache/nearfar (94 MB, once) and unpacked there; nothing is installed. Their libc is newer too, so programs run
# through their loader: FOLDER/run PROGRAM ARGUMENTS…
#
# Where this cannot be done it says why and exits with 1; the tests that need it are then shown as ignored.
set -euo pipefail

folder=${XDG_CACHE_HOME:-$HOME/.cache}/nearfar/libgphoto2
suite=sid
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

skip() {
    echo "tests of AF points are left out: $*" >&2
    exit 1
}

if [[ -e $folder/run ]]; then
    echo "$folder"
    exit
fi
command -v apt-get >/dev/null && command -v dpkg >/dev/null || skip "they take Debian packages, and there is no apt here"
[[ -e $keyring ]] || skip "the keys of Debian's archive are not here (package debian-archive-keyring)"
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | grep -m 1 '/debian/\?$') ||
    mirror=http://deb.debian.org/debian/

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
mkdir -p "$temporary"/{lists/partial,cache/archives/partial,packages,root} "$(dirname "$folder")"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$temporary/sources.list"
apt=(apt-get -qq -o "Dir::Etc::sourcelist=$temporary/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::Lists=$temporary/lists" -o "Dir::Cache=$temporary/cache" -o Dir::State::status=/dev/null
    -o Acquire::Retries=2 -o Acquire::http::Timeout=20)
# Root's apt would drop its rights and could not write to the temporary folder.
((UID)) || apt+=(-o APT::Sandbox::User=root)

echo "fetching a newer libgphoto2 into $folder" >&2
"${apt[@]}" update >&2 || skip "$mirror cannot be reached"
# As if nothing were installed: the libraries must fit the newer loader.
mapfile -t names < <("${apt[@]}" install --no-install-recommends -s gphoto2 | awk '/^Inst/ {print $2}')
((${#names[@]})) || skip "$mirror has no gphoto2 in $suite"
(cd "$temporary/packages" && "${apt[@]}" download "${names[@]}" >&2) || skip "packages cannot be downloaded from $mirror"
for package in "$temporary"/packages/*.deb; do
    dpkg -x "$package" "$temporary/root"
done

libraries=$(cd "$temporary/root" && echo usr/lib/*-linux-gnu*)
loader=$(cd "$temporary/root/$libraries" && echo ld-linux*)
cat >"$temporary/root/run" <<EOF
#!/bin/sh
# Runs a program on the libraries in this folder.
here=\$(dirname "\$(readlink -f "\$0")")/$libraries
CAMLIBS=\$(echo "\$here"/libgphoto2/*) IOLIBS=\$(echo "\$here"/libgphoto2_port/*)
export CAMLIBS IOLIBS
exec "\$here/$loader" --library-path "\$here" "\$@"
EOF
chmod +x "$temporary/root/run"
"$temporary/root/run" "$temporary/root/usr/bin/gphoto2" --version >/dev/null || skip "the newer gphoto2 does not run here"
# Another run may have been quicker.
mv -T "$temporary/root" "$folder" 2>/dev/null || [[ -e $folder/run ]] || skip "$folder cannot be written"
echo "$folder"
