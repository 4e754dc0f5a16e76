# Odoo itself: one that is here already, else Debian's package unpacked into the home, else git.
# Nothing is installed into the system. Sets ODOO_PATH, the folder that holds the package `odoo`.
# shellcheck shell=bash

LOCK_FILE=$ROOT/config/odoo-source.lock
RUNTIME=$CRM_PLUS_HOME/odoo-$SERIES

odoo_version_at() {
  sed -n 's/^version_info *= *(\([0-9]*\), *\([0-9]*\).*/\1.\2/p' "$1/odoo/release.py" 2>/dev/null || true
}
# Debian strips a JavaScript file that the manifest of `mail` lists; without it each backend page
# logs a console error, and Odoo's browser tests take any console error as a failure.
odoo_is_whole() {
  local addons
  for addons in "$1/addons" "$1/odoo/addons"; do
    [ -e "$addons/mail/__manifest__.py" ] || continue
    [ -e "$addons/mail/static/lib/selfie_segmentation/selfie_segmentation.js" ] && return 0
  done
  return 1
}

existing_odoo() { # prints the folder to put on sys.path, or nothing
  local candidate file python
  if [ -n "${ODOO_HOME:-}" ]; then
    [ "$(odoo_version_at "$ODOO_HOME")" = "$SERIES" ] ||
      die "ODOO_HOME=$ODOO_HOME holds no Odoo $SERIES (no odoo/release.py of that version)"
    odoo_is_whole "$ODOO_HOME" ||
      warn "$ODOO_HOME lacks mail/static/lib/selfie_segmentation (Debian's package?): browser tests will fail"
    realpath "$ODOO_HOME"
    return 0
  fi
  for candidate in odoo-bin odoo; do
    file=$(type -P "$candidate") || continue # type -P: never a shell function of this script
    file=$(readlink -f "$file")
    case $file in "$CRM_PLUS_HOME"/*) continue ;; esac # our own, from an activated environment
    if [ "$(odoo_version_at "$(dirname "$file")")" = "$SERIES" ]; then
      file=$(dirname "$file")
    else # installed: ask its interpreter
      python=$(sed -n '1{s/^#! *//;s,^/usr/bin/env  *,,p;t;p;}' "$file" 2>/dev/null || true)
      case $python in *python*) ;; *) continue ;; esac
      # shellcheck disable=SC2086 # a shebang may carry an option
      file=$($python -c 'import odoo, os; print(os.path.dirname(os.path.realpath(list(odoo.__path__)[0])))' 2>/dev/null) || continue
      [ "$(odoo_version_at "$file")" = "$SERIES" ] || continue
    fi
    if odoo_is_whole "$file"; then
      case $file in
        */dist-packages | */site-packages) # expose odoo only, not the packages beside it
          mkdir -p "$CRM_PLUS_HOME/shim"
          ln -sfn "$file/odoo" "$CRM_PLUS_HOME/shim/odoo"
          file=$CRM_PLUS_HOME/shim
          ;;
      esac
      echo "$file"
      return 0
    fi
    warn "the Odoo at $file is not whole (Debian's package): a copy of our own is used"
  done
}

# The archives that this machine's own apt uses, less the security ones (their pool answers 404).
debian_mirrors() {
  if [ -n "${CRM_PLUS_DEBIAN_MIRROR:-}" ]; then
    echo "${CRM_PLUS_DEBIAN_MIRROR%/}/"
    return 0
  fi
  have apt-get || return 0
  {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null || true
    # before the first 'apt-get update' apt lists nothing: read its sources, in both formats
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null || true; } |
      sed -nE 's/^deb +(\[[^]]*\] +)?([^ ]+) +([^ ]+).*/\2 \3/p'
    { cat /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } | sed -nE 's/^URIs: *//p' | tr ' ' '\n'
  } | awk '$1 != "" && $2 !~ /-security$/ && $1 !~ /security/ {
      sub("/*$", "/", $1); if (!seen[$1]++) print $1 }'
}

# (a) Every pinned package from the pool, without any index: the pinned hash is the trust.
fetch_pinned() { # folder
  local helper=/usr/lib/apt/apt-helper kind name version path sha mirror ok why
  [ -x $helper ] || {
    warn "no apt on this machine"
    return 1
  }
  while read -r kind name version path sha; do
    [ "$kind" = pool ] || continue
    [ "$name" = odoo-19 ] && [ -n "${CRM_PLUS_ODOO_DEB:-}" ] && continue
    if [ -s "$1/$name.deb" ]; then
      echo "$sha  $1/$name.deb" | sha256sum -c --status && continue
      say "the copy of $name on disk is damaged: downloading it again"
      rm -f "$1/$name.deb"
    fi
    ok=0
    for mirror in $MIRRORS; do
      case $mirror in http://* | https://* | file:* | copy:*) ;; *) continue ;; esac
      # apt's own downloader: the machine's proxy, credentials, certificates and retries hold
      if "$helper" -o Acquire::Retries=4 -o APT::Sandbox::User="$ME" download-file \
        "$mirror$path" "$1/$name.deb" "SHA256:$sha" >"$1/log" 2>&1; then
        ok=1
        break
      fi
    done
    if [ $ok = 0 ]; then
      rm -f "$1/$name.deb" "$1/$name.deb.FAILED"
      why=$(grep -m1 -oE '404 .*|Hash Sum mismatch|Could not.*|Connection.*' "$1/log" 2>/dev/null | cut -c1-60 || true)
      warn "pinned $name $version is not to be had from ${MIRRORS:-any mirror} (${why:-no mirror known})"
      return 1
    fi
  done <"$LOCK_FILE"
}

archive_keyring() { # folder: prints a keyring that signs Debian's archive
  local key
  for key in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
    [ ! -r "$key" ] || {
      echo "$key"
      return 0
    }
  done
  (cd "$1" && apt-get download -qq debian-archive-keyring >/dev/null 2>&1 &&
    dpkg -x debian-archive-keyring_*.deb keyring && rm -f debian-archive-keyring_*.deb) || return 1
  find "$1/keyring" -name 'debian-archive-keyring.*' \( -name '*.gpg' -o -name '*.pgp' \) | head -n 1
}

# (b) The newest 19.0 of the signed index, in an apt state of our own. It inherits the machine's
# apt.conf.d (proxy, credentials) and replaces sources, state and cache only.
fetch_indexed() { # folder
  local apt=$1/apt mirror key suites version='' kind name file
  have apt-get || return 1
  key=$(archive_keyring "$1") || true
  [ -n "$key" ] || {
    warn "no Debian archive keyring here (package debian-archive-keyring)"
    return 1
  }
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,sources,empty}
  : >"$apt/status"
  cat >"$apt/conf" <<E
Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "$apt/sources";
Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "$apt/empty";
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status";
Dir::Cache "$apt/cache"; Dir::Cache::archives "$apt/cache/archives"; Dir::Log "$apt";
APT::Sandbox::User "$ME"; APT::Architecture "$(dpkg --print-architecture)";
Acquire::Retries "4"; Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb::CNF::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
#clear APT::Architectures;
E
  for mirror in $MIRRORS; do
    for suites in "sid trixie" "sid"; do
      printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
        "$mirror" "$suites" "$key" >"$apt/sources/crm-plus.sources"
      apt-get -c "$apt/conf" update -qq >"$1/log" 2>&1 || true
      version=$(apt-cache -c "$apt/conf" madison odoo-19 2>/dev/null |
        awk -F' *[|] *' -v series="^${SERIES}[.]" '$2 ~ series { print $2 }' | head -n 1)
      [ -z "$version" ] || break 2
    done
  done
  [ -n "$version" ] || {
    warn "no signed index with odoo-19 $SERIES: $(grep -m1 '^[EW]:' "$1/log" 2>/dev/null | cut -c1-160 || true)"
    return 1
  }
  warn "using odoo-19 $version, signed by the archive, in place of the pinned one: please report a failing test"
  while read -r kind name _; do
    [ "$kind" = pool ] || continue
    if [ "$name" = odoo-19 ]; then
      name="odoo-19=$version"
    elif apt-cache -c "$apt/conf" madison "$name" | grep -q trixie; then
      name="$name/trixie" # unstable's font-awesome is v7, without the files that Odoo links to
    fi
    (cd "$1" && retry 3 apt-get -c "$apt/conf" download -qq "$name" >>"$1/log" 2>&1) || {
      warn "cannot download $name: $(tail -n 1 "$1/log")"
      case $name in odoo-19*) return 1 ;; esac
    }
  done <"$LOCK_FILE"
  for file in "$1"/*_*.deb; do
    name=$(basename "$file")
    mv "$file" "$1/${name%%_*}.deb"
  done
}

unpack_packages() { # folder with .deb files -> $RUNTIME, whole or not at all
  local new=$RUNTIME.new deb link target
  have dpkg-deb || die "dpkg-deb is missing: set ODOO_HOME to a checkout of Odoo $SERIES"
  rm -rf "$new"
  mkdir -p "$new"
  for deb in "$1"/*.deb; do
    # Debian ships the .py files of all addons a second time as a top-level 'addons', and 'doc'
    # and 'setup': Odoo would take that copy, without data files, for an addons folder
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$new" --no-same-owner \
      --exclude='./usr/lib/python3/dist-packages/addons' --exclude='./usr/lib/python3/dist-packages/doc' \
      --exclude='./usr/lib/python3/dist-packages/setup' --exclude='*.egg-info' --exclude='./etc' \
      --exclude='./usr/lib/systemd' --exclude='./usr/share/lintian' ||
      die "$deb cannot be unpacked (damaged, or the disk is full)"
  done
  # a dangling link (the other package moved its file): take a file of the same name
  find "$new" -xtype l -path '*/odoo/*' -print | while read -r link; do
    target=$(find "$new/usr/share" -type f -name "$(basename "$link")" | head -n 1)
    if [ -n "$target" ]; then
      ln -sfnr "$target" "$link"
    else
      warn "missing asset: ${link#"$new"/}"
    fi
  done
  [ -e "$new/usr/lib/python3/dist-packages/odoo/addons/web/static/lib/jquery/jquery.js" ] ||
    die "the Odoo package lacks jquery.js"
  # an empty file in place of the stripped one costs the background blur in video calls only
  link=$new/usr/lib/python3/dist-packages/odoo/addons/mail/static/lib/selfie_segmentation
  if [ ! -e "$link/selfie_segmentation.js" ]; then
    mkdir -p "$link"
    echo '/* not in the Debian package: no background blur in calls */' >"$link/selfie_segmentation.js"
  fi
  # shellcheck disable=SC2016 # dpkg's own variables
  dpkg-deb -W --showformat='${Package} ${Version}\n' "$1/odoo-19.deb" >"$new/.version"
  rm -rf "$RUNTIME"
  mv "$new" "$RUNTIME"
}

clone_upstream() { # (c)
  have git || return 1
  say "Odoo $SERIES from upstream's git (about 300 MB)"
  rm -rf "$RUNTIME.git.new"
  retry 2 timeout 900 git clone -q --depth 1 --single-branch -b "$SERIES" \
    "${CRM_PLUS_ODOO_GIT:-https://github.com/odoo/odoo.git}" "$RUNTIME.git.new" 2>/dev/null || {
    rm -rf "$RUNTIME.git.new"
    return 1
  }
  rm -rf "$RUNTIME.git"
  mv "$RUNTIME.git.new" "$RUNTIME.git"
}

ensure_odoo() {
  local want downloads own=''
  ODOO_PATH=$(existing_odoo) || exit 1
  if [ -n "$ODOO_PATH" ]; then
    ODOO_VERSION=$({
      echo "$ODOO_PATH"
      git -C "$ODOO_PATH" rev-parse HEAD 2>/dev/null || stat -c %Y "$ODOO_PATH/odoo/release.py"
    } | tr '\n' ' ')
    return 0
  fi
  want=$(awk '$2 == "odoo-19" { print $2 " " $3 }' "$LOCK_FILE")
  if [ -n "${CRM_PLUS_ODOO_DEB:-}" ]; then # a package that the caller trusts as it is
    dpkg-deb -I "$CRM_PLUS_ODOO_DEB" >/dev/null 2>&1 || die "CRM_PLUS_ODOO_DEB=$CRM_PLUS_ODOO_DEB is no Debian package"
    own=$(sha256sum <"$CRM_PLUS_ODOO_DEB")
    [ "$own" != "$(cat "$RUNTIME/.own" 2>/dev/null)" ] || own=''
  fi
  ODOO_PATH=$RUNTIME/usr/lib/python3/dist-packages
  if [ -s "$RUNTIME/.version" ] && [ -z "$own" ]; then
    ODOO_VERSION=$(cat "$RUNTIME/.version")
    [ "$ODOO_VERSION" != "$want" ] && [ ! -e "$RUNTIME/.unpinned" ] || return 0
    # the pin moved, but what is here still serves when nothing else can be had
    [ "$OFFLINE" != 1 ] || return 0
  elif [ -d "$RUNTIME.git/odoo" ] && [ -z "$own" ]; then
    ODOO_PATH=$RUNTIME.git
    ODOO_VERSION=$(git -C "$ODOO_PATH" rev-parse HEAD)
    return 0
  fi
  [ "$OFFLINE" != 1 ] || [ -n "$own" ] ||
    die "CRM_PLUS_OFFLINE=1, and no Odoo $SERIES is here: set ODOO_HOME to one"
  downloads=$CRM_PLUS_HOME/download
  mkdir -p "$downloads"
  MIRRORS=$(debian_mirrors)
  [ -z "$own" ] || cp "$CRM_PLUS_ODOO_DEB" "$downloads/odoo-19.deb"
  say "Odoo $SERIES (136 MB) from this machine's package mirror"
  if fetch_pinned "$downloads"; then
    unpack_packages "$downloads"
    if [ -n "$own" ]; then
      echo "$own" >"$RUNTIME/.own"
      touch "$RUNTIME/.unpinned"
    fi
  elif rm -rf "$downloads" && mkdir -p "$downloads" && fetch_indexed "$downloads"; then
    unpack_packages "$downloads"
    touch "$RUNTIME/.unpinned"
  elif clone_upstream; then
    ODOO_PATH=$RUNTIME.git
    ODOO_VERSION=$(git -C "$ODOO_PATH" rev-parse HEAD)
    return 0
  else
    die "Odoo $SERIES cannot be had here. Set ODOO_HOME to a checkout of it, or CRM_PLUS_ODOO_DEB to Debian's odoo-19 package, or CRM_PLUS_DEBIAN_MIRROR to a Debian mirror."
  fi
  rm -rf "$downloads"
  ODOO_VERSION=$(cat "$RUNTIME/.version")
}
