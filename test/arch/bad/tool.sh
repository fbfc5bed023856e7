#!/bin/sh
# expect: spdx
