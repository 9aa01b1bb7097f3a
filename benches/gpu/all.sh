#!/usr/bin/env bash
# Every GPU check that is there, on the machine at hand, in one go; writes dated records under benches/record/<gpu>/.
# Needs a built `ergometer` (target/release/ergometer, or $ERGOMETER) and a CUDA card; carries on when one part fails, and says so.
# No setting of the card is changed: ERGOMETER_NO_CONTROL refuses every write, root or not.
#
# Here now: what is found, the sensors' period, window, resolution and gain, correctness and time of every kernel with its energy at default
# settings and the counter against integrated power, and a calibration from that record.
# Not yet: the vendor's libraries beside our kernels, the training-step set.
set -uo pipefail
export ERGOMETER_NO_CONTROL=1
cd "$(dirname "$0")/../.."
ergometer=${ERGOMETER:-target/release/ergometer}
[ -x "$ergometer" ] || { echo "there is no $ergometer: build it with cargo build --release, or name it in \$ERGOMETER"; exit 1; }
if ! command -v nvidia-smi >/dev/null || ! name=$(nvidia-smi --query-gpu=name --format=csv,noheader -i 0); then
  echo "skipped: there is no NVIDIA card here (nvidia-smi does not answer)"
  exit 0
fi
gpu=$(printf '%s' "$name" | tr '[:upper:] ' '[:lower:]-' | tr -cd 'a-z0-9-')
date=$(date -u +%Y-%m-%d)
record=${OUT:-benches/record/$gpu}
mkdir -p "$record"
failed=0
part() { # name, command…
  local what=$1 start=$SECONDS; shift
  echo "== $what"
  if "$@"; then echo "== $what: done in $((SECONDS - start)) s"; else echo "== $what: FAILED (exit $?)"; failed=1; fi
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export ERGOMETER_STATE_DIR="$work/state"
doctor() { "$ergometer" doctor --json >"$record/$date-doctor.json" && "$ergometer" doctor; }
# First, so that the kernels' windows use what it finds. The card's UUID is nobody's business.
sensors() {
  "$ergometer" doctor --characterise --json >"$work/sensors.json" || return
  sed -E 's/GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/GPU/g' "$work/sensors.json" >"$record/$date-sensors.json"
}
kernels() {
  "$ergometer" bench --device cuda:0 --repeats 3 --anonymise --out "$work/bench" | tee "$record/$date-kernels.txt" || return
  cp "$work/bench/bench.csv" "$record/$date-kernels.csv" && cp "$work/bench/manifest.json" "$record/$date-manifest.json" &&
    cp "$work/bench/sensors.json" "$record/$date-agreement.json"
  # A kernel that fails its oracle has no time worth a record.
  ! grep -q WRONG "$record/$date-kernels.txt"
}
calibration() {
  "$ergometer" calibrate "$work/bench/bench.csv" --out "$work/calibrate" | tee "$record/$date-calibration.txt" || return
  cp "$work"/calibrate/*.toml "$record/$date-device.toml"
}
part "what is here" doctor
part "sensors: period, window, resolution, gain" sensors
part "kernels: correctness, time, energy" kernels
part "calibration from the kernels" calibration
echo "records: $record, dated $date; $SECONDS s"
exit $failed
