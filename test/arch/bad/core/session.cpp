// SPDX-License-Identifier: MIT
// expect: door
#include <boost/asio.hpp>
#include <linux/perf_event.h>
