#!/bin/sh
# SPDX-License-Identifier: MIT
# Sourced. make_apt DIR LINES...: an apt configuration of its own in DIR/apt. In the LINES of its sources.list, KEY
# stands for Debian's key and MIRROR for the mirror that this computer's apt uses.
make_apt() {
  apt_at=$1
  shift
  mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" | grep -m1 '/debian/*$') ||
    { echo "no Debian mirror among this computer's apt sources" >&2; return 1; }
  mkdir -p "$apt_at/apt/lists/partial" "$apt_at/apt/cache/archives/partial" "$apt_at/apt/none"
  printf '%s\n' "$@" | sed -e "s,KEY,[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]," \
    -e "s,MIRROR,${mirror%/}," >"$apt_at/apt/sources.list"
  cat >"$apt_at/apt/apt.conf" <<TEXT
Dir::Etc::sourcelist "$apt_at/apt/sources.list";
Dir::Etc::sourceparts "$apt_at/apt/none";
Dir::Etc::preferencesparts "$apt_at/apt/none";
Dir::State::lists "$apt_at/apt/lists";
Dir::Cache "$apt_at/apt/cache";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
TEXT
}
