// expect: spdx
