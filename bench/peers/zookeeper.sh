#!/bin/sh
# Puts the jars of Debian's ZooKeeper into bench/peers/zookeeper, for the experiment `namespace`. Installs nothing:
# the packages are downloaded and unpacked. Needs apt, dpkg, and java to run them.
set -eu
cd "$(dirname "$0")"
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
(
  cd "$unpacked"
  apt-get download libzookeeper-java libcommons-cli-java libcommons-io-java libjackson2-annotations-java \
    libjackson2-core-java libjackson2-databind-java libdropwizard-metrics-java libnetty-java libslf4j-java \
    libsnappy-java
  for package in *.deb; do dpkg -x "$package" .; done
)
rm -rf zookeeper
mkdir zookeeper
cp -L "$unpacked"/usr/share/java/*.jar zookeeper/ 2>/dev/null || true
test -e zookeeper/zookeeper.jar
