# shellcheck shell=bash disable=SC2154
# Sets the caller's variables from its command line, without eval:
#
#   stage=0                                # the default declares the variable
#   help_message="... --stage <n> ..."     # an option exists when it stands here
#   . utils/parse_options.sh               # --stage 3, --stage=3; positionals are left in "$@"
#
# A variable whose default is true or false is a flag: `--flag`, `--flag true`, `--flag false`. One that is an array takes
# an option that may be repeated.
while (($#)); do
  case $1 in
    -h | --help)
      printf '%s\n' "$help_message"
      exit 0
      ;;
    --) shift && break ;;
    --*) ;;
    *) break ;;
  esac
  option=${1%%=*}
  name=${option#--}
  name=${name//-/_}
  if ! [[ $name =~ ^[a-z][a-z0-9_]*$ && $help_message =~ (^|[^a-z0-9-])"$option"($|[^a-z0-9-]) ]] ||
    ! kind=$(declare -p "$name" 2>/dev/null); then
    die "$0: $option: unknown option; see $0 --help"
  fi
  flag=false
  [[ $kind == 'declare -a'* || ${!name} != @(true|false) ]] || flag=true
  if [[ $1 == *=* ]]; then
    value=${1#*=}
    shift
  elif [[ $flag == true ]]; then
    value=true
    shift
    if [[ ${1-} == true || ${1-} == false ]]; then
      value=$1
      shift
    fi
  else
    if (($# < 2)) || [[ $2 == --* ]]; then die "$0: $option: needs a value; see $0 --help"; fi
    value=$2
    shift 2
  fi
  if [[ $flag == true && $value != @(true|false) ]]; then
    die "$0: $option $value: expected true or false"
  fi
  if [[ $kind == 'declare -a'* ]]; then
    declare -n repeated=$name
    repeated+=("$value")
    unset -n repeated
  else
    printf -v "$name" %s "$value"
  fi
done
for option; do
  [[ $option != --* ]] || die "$0: $option: options stand before the other arguments; see $0 --help"
done
