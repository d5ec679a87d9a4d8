#!/bin/sh
# Exports each of the last days (UTC) that has no complete export yet, oldest first, into a directory of its own.
#
# To be started as often as one likes: a complete day is passed over, a stopped one goes on where it was. It ends with
# the exit code of the first day that does not become complete; 3 (complete, but some IDs failed) counts as complete.
# Flags are passed on to `rtk-export run`, which takes everything else from its environment or configuration file.
set -eu

exports=${EXPORTS:-/var/lib/rtk-export}
ago=${DAYS:-3}
today=$(date -u +%F)

while [ "$ago" -ge 1 ]; do
    day=$(date -u -d "$today -$ago day" +%F)
    next=$(date -u -d "$today -$((ago - 1)) day" +%F)
    ago=$((ago - 1))
    if [ -e "$exports/$day/manifest.json" ]; then
        continue
    fi
    status=0
    rtk-export run --since "$day" --until "$next" -o "$exports/$day" --log-format json "$@" || status=$?
    case $status in
        0 | 3) ;;
        *) exit "$status" ;;
    esac
done
