#!/usr/bin/env bash
# Ends process groups once whoever started them is gone, however that ended (SIGKILL too): reads their numbers, '+N' of
# one that begins and '-N' of one that has ended, until the other end of the pipe is closed by its owner's death.
trap '' HUP INT TERM
declare -A groups=()
while read -r line; do
  if [[ $line == +* ]]; then groups[${line#+}]=1; else unset "groups[${line#-}]"; fi
done
for signal in TERM KILL; do
  for group in "${!groups[@]}"; do kill -s "$signal" -- "-$group" || unset "groups[$group]"; done 2>/dev/null
  for ((try = 0; try < 50 && ${#groups[@]}; try++)); do
    for group in "${!groups[@]}"; do kill -s 0 -- "-$group" || unset "groups[$group]"; done 2>/dev/null
    sleep 0.1
  done
done
