#!/bin/sh
# SPDX-License-Identifier: MIT
# usage: boot.sh INSTRUMENT SCRIPT OUT: boots the guest of INSTRUMENT (qemu-system-x86_64 and bios/, or
# qemu-system-aarch64; vmlinuz or vmlinuz.xz; guest.cpio.xz), runs SCRIPT in its /out as root and unpacks what that leaves
# into OUT. The console goes to stdout.
# TREE=DIR          is laid over the guest's root
# CPUS=1 MEMORY=1024 (MiB) OUT_SIZE=512 (MiB) TIMEOUT=300 (s) MORE_QEMU="options" APPEND="kernel words"
# ICOUNT=1          virtual time follows the instructions executed: the same in every run; for one cpu
set -eu
instrument=$1 script=$2 out=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ -e "$instrument/qemu-system-aarch64" ]; then
  # Without what slows TCG down and no trace needs.
  cpu=max,ete=on,sve=off,sme=off,pauth-impdef=on
  machine="virt,gic-version=3" console=ttyAMA0 threads=multi program=qemu-system-aarch64 rom="romfile=,"
else
  # Skylake without what TCG cannot do or a trace does not need.
  cpu=Skylake-Server-v1,+intel-pt,+invtsc,-pcid,-invpcid,-hle,-rtm,-avx512f,-avx512dq,-avx512bw,-avx512cd,-avx512vl
  cpu=$cpu,-spec-ctrl,-xsavec,-x2apic,-tsc-deadline
  # One thread for all cpus: with one each, a kernel that patches its code while another cpu runs it (static keys, which
  # opening an event turns on) was seen to die in the patched instruction.
  machine="pc -L $instrument/bios -vga none" console="ttyS0 tsc=reliable nmi_watchdog=0" threads=single
  program=qemu-system-x86_64 rom=
fi
# vdso=0: a decoder on another computer would read its own vdso.
append="console=$console rdinit=/init mitigations=off vdso=0 panic=-1 quiet loglevel=5"
icount=
[ -z "${ICOUNT:-}" ] || icount="-icount shift=3,sleep=off" threads=single

cp "$script" "$work/in"
truncate -s %512 "$work/in" # a disk has whole sectors
truncate -s +512 "$work/in"
truncate -s "${OUT_SIZE:-512}M" "$work/out"
xz -dc "$instrument/guest.cpio.xz" >"$work/initrd"
kernel=$instrument/vmlinuz
[ -e "$kernel" ] || { xz -dc "$kernel.xz" >"$work/kernel" && kernel=$work/kernel; }
[ -z "${TREE:-}" ] || (cd "$TREE" && find . | cpio -o -H newc --quiet -R 0:0) >>"$work/initrd"

status=0
# shellcheck disable=SC2086
timeout "${TIMEOUT:-300}" "$instrument/$program" -M $machine -accel tcg,thread=$threads \
  -cpu "$cpu" -smp "${CPUS:-1}" -m "${MEMORY:-1024}" -nodefaults -display none -serial stdio -no-reboot \
  -kernel "$kernel" -initrd "$work/initrd" -append "$append ${APPEND:-}" \
  -drive file="$work/in",format=raw,if=none,id=in,readonly=on -device virtio-blk-pci,${rom}drive=in \
  -drive file="$work/out",format=raw,if=none,id=out,cache=unsafe -device virtio-blk-pci,${rom}drive=out \
  $icount ${MORE_QEMU:-} </dev/null || status=$?
mkdir -p "$out"
tar xf "$work/out" -C "$out" 2>/dev/null || echo "boot.sh: the guest left no files" >&2
exit $status
