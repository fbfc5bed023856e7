#!/bin/sh
# SPDX-License-Identifier: MIT
# The profile of one big capture, or of many, by a Slurm array: each task decodes a part, a last job adds the parts up.
#
#   sh slurm_array.sh TASKS BINARY PROFILE CAPTURE...
#   sh slurm_array.sh 16 ./app app.afdo.txt host1.data host2.data
#
# All of it lies where every node sees it. The parts are in PROFILE.shards until the last job is done.
# Source: sbatch(1), "--array", "--dependency", "OUTPUT ENVIRONMENT VARIABLES".
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=2
#SBATCH --mem=2G
set -eu
tasks=$1 binary=$2 profile=$3
shards=$profile.shards

if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then # one task of the array
  shift 3
  part=$shards/$SLURM_ARRAY_TASK_ID.txt status=0
  tracectl export --to autofdo --binary "$binary" --shard "$SLURM_ARRAY_TASK_ID/$tasks" -o "$part.new" "$@" || status=$?
  [ "$status" -eq 4 ] && status=0 # done, but some trace was lost when it was recorded
  [ "$status" -eq 0 ] && mv "$part.new" "$part"
  exit "$status"
fi

if [ -n "${TRACECTL_MERGE:-}" ]; then # the last job
  set --
  for i in $(seq "$tasks"); do set -- "$@" "$shards/$i.txt"; done
  tracectl merge -o "$profile" "$@"
  rm -r "$shards"
  exit
fi

mkdir -p "$shards"
array=$(sbatch --parsable --array="1-$tasks" "$0" "$@")
TRACECTL_MERGE=1 sbatch --dependency="afterok:${array%%;*}" "$0" "$@"
