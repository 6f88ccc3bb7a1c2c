# shellcheck shell=bash
# What makes a finished stage skippable: a mark beside its output that holds a fingerprint of all that went in.

# fingerprint ITEM...: one line for files (their content; size and time above 1 MiB) and =TEXTs (options).
fingerprint() {
  local item
  for item; do
    if [[ $item == =* ]]; then
      printf '%s\n' "$item"
    elif [[ $(stat -Lc %s "$item") -gt 1048576 ]]; then
      stat -Lc '%s %Y' "$item"
    else
      sha256sum <"$item"
    fi
  done | sha256sum | cut -c1-40
}

# up_to_date MARK FINGERPRINT: true when MARK was written for the same inputs and options.
up_to_date() { [[ -f $1 && $(<"$1") == "$2" ]]; }

# mark_done MARK FINGERPRINT
mark_done() { printf '%s\n' "$2" >"$1.tmp" && mv "$1.tmp" "$1"; }
