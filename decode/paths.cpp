// SPDX-License-Identifier: MIT
#include "decode/paths.hpp"

#include "decode/symbols.hpp"

namespace tracectl::decode {

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

std::string last_parts(const std::string& path, int parts) {
  size_t at = path.size();
  while (parts-- > 0 && at != 0 && at != std::string::npos) at = path.rfind('/', at - 1);
  return at == std::string::npos || at == 0 ? path : path.substr(at + 1);
}

bool path_ends_with(std::string_view path, std::string_view tail) {
  while (tail.substr(0, 2) == "./") tail.remove_prefix(2);
  if (tail.empty() || !path.ends_with(tail)) return false;
  return path.size() == tail.size() || tail.front() == '/' || path[path.size() - tail.size() - 1] == '/';
}

bool object_matches(const std::string& object, const std::string& path, const std::string& soname) {
  if (object.empty() || object == path) return true;
  if (object.find('/') != std::string::npos) return path_ends_with(path, object);
  const size_t slash = path.rfind('/');
  return object == soname || path.compare(slash == std::string::npos ? 0 : slash + 1, std::string::npos, object) == 0;
}

}  // namespace tracectl::decode
