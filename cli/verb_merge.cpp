// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "cli/capture_options.hpp"
#include "cli/export_profile.hpp"
#include "cli/output_file.hpp"
#include "cli/read_profile.hpp"
#include "cli/verbs.hpp"
#include "decode/build_id.hpp"
#include "decode/load_segments.hpp"
#include "decode/paths.hpp"
#include "views/out.hpp"

namespace tracectl::cli {
namespace {

constexpr const char* kFooter =
    "Profiles of one binary add up: of several machines, of several days, or the shards of one big capture.\n"
    "Merged shards are byte for byte the profile of the whole capture. Profiles of different builds do not add\n"
    "up: the build-ids must be the same, the file names where there is none.\n"
    "Examples:\n"
    "  tracectl merge host1.afdo.txt host2.afdo.txt -o app.afdo.txt\n"
    "  for i in 1 2 3 4; do tracectl export --to autofdo --binary ./app --shard $i/4 -o $i.txt & done; wait\n"
    "  tracectl merge 1.txt 2.txt 3.txt 4.txt -o app.afdo.txt\n"
    "As jobs of a cluster: examples/jobs/.";

struct Options {
  std::vector<std::string> profiles;
  std::string output, to = "autofdo", binary;
};

// Profiles of one binary, added up.
class Sum {
 public:
  // --binary
  Result<> expect(const std::string& binary) {
    if (auto known = decode::LoadSegments::of(binary); !known) return tl::unexpected<Error>(known.error());
    all_.path = binary;
    all_.build_id = decode::build_id_of(binary);
    from_ = binary;
    named_ = true;
    return {};
  }

  Result<> add(const std::string& file, const profile::Profile& profile) {
    if (from_.empty()) from_ = file;
    if (auto fits = same_binary(file, profile); !fits) return fits;
    if (all_.build_id.empty()) all_.build_id = profile.build_id;
    // Of several paths the same one, whatever the order of the files.
    const bool better = !profile.path.empty() && (all_.path.empty() || profile.path < all_.path);
    if (better && !named_) all_.path = profile.path;
    all_.add(profile);
    return {};
  }

  [[nodiscard]] const profile::Profile& profile() const { return all_; }

 private:
  [[nodiscard]] Result<> same_binary(const std::string& file, const profile::Profile& profile) const {
    const std::string &one = all_.build_id, &other = profile.build_id;
    const auto refused = [&](const std::string& what) {
      return fail("these profiles are not of one binary: " + what,
                  "merge profiles of one build only; make the others anew from their captures");
    };
    if (!one.empty() && !other.empty()) {
      if (one == other) return {};
      return refused(fmt::format("{} has the build-id {}, {} has {}", from_, one, file, other));
    }
    const std::string here = decode::last_parts(all_.path, 1), there = decode::last_parts(profile.path, 1);
    if (here.empty() || there.empty() || here == there) return {};
    return refused(fmt::format("{} is of {}, {} of {}", from_, all_.path, file, profile.path));
  }

  profile::Profile all_;
  std::string from_;  // the file that said first what binary it is
  bool named_ = false;
};

int write_profile(const Options& options, const profile::Profile& profile) {
  const auto fits = fits_output(profile_format(options.to)->is_text, options.to, options.output);
  if (!fits) return report_error(fits.error());
  const auto text = profile_format(options.to)->write(profile);
  if (!text) return report_error(text.error());
  const auto file = open_output(options.output);
  if (!file) return report_error(file.error());
  views::Out out(stream_of(*file));
  out.bytes(*text);
  return finish_output(out, false);
}

int merge_profiles(const Options& options) {
  Sum sum;
  if (!options.binary.empty())
    if (const auto good = sum.expect(options.binary); !good) return report_error(good.error());
  for (const auto& file : options.profiles) {
    const auto profile = read_profile(file, options.binary);
    if (!profile) return report_error(profile.error());
    if (const auto added = sum.add(file, *profile); !added) return report_error(added.error());
  }
  if (sum.profile().empty()) fmt::print(stderr, "tracectl: the merged profile is empty, as all of its parts are\n");
  return write_profile(options, sum.profile());
}

std::string footer() {
  std::string out = "PROFILE is one of:\n";
  for (const ProfileReader& reader : profile_readers()) out += fmt::format("  {:<12}{}\n", reader.name, reader.help);
  return out + kFooter;
}

std::vector<std::string> formats() {
  std::vector<std::string> out;
  for (const ProfileFormat& format : profile_formats()) out.emplace_back(format.name);
  return out;
}

}  // namespace

void add_merge(CLI::App& app, VerbRun& run) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("merge", "Profiles of one binary added up: of several captures, or of shards");
  verb->add_option("PROFILE", options->profiles, "what `tracectl export` wrote")->required();
  verb->add_option("-o,--output", options->output, "the file to write; else the standard output");
  verb->add_option("--to", options->to, "the format")->check(CLI::IsMember(formats()))->capture_default_str();
  verb->add_option("--binary", options->binary, "the program or library: its build-id must be theirs; some formats read it");
  verb->footer(footer());
  verb->callback([options, &run] { run = [options] { return merge_profiles(*options); }; });
}

}  // namespace tracectl::cli
