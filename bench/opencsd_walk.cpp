// SPDX-License-Identifier: MIT
// What decoding ETE costs at least: OpenCSD alone over one thread's trace, counting instructions and no more.
//
// opencsd_walk TRACE MAPS UNIT: TRACE is raw; a line of MAPS is "ADDRESS SIZE OFFSET PATH", UNIT is
// "CONFIGR IDR0 IDR1 IDR2 IDR8 DEVARCH"; numbers in hexadecimal. Prints "INSTRUCTIONS ERRORS".
#include <opencsd/c_api/opencsd_c_api.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

struct Counts {
  uint64_t instructions = 0, errors = 0;
};

ocsd_datapath_resp_t count(const void* context, const ocsd_trc_index_t, const uint8_t, const ocsd_generic_trace_elem* e) {
  auto* counts = static_cast<Counts*>(const_cast<void*>(context));
  if (e->elem_type == OCSD_GEN_TRC_ELEM_INSTR_RANGE) counts->instructions += e->num_instr_range;
  if (e->elem_type == OCSD_GEN_TRC_ELEM_ADDR_NACC) ++counts->errors;
  return OCSD_RESP_CONT;
}

std::vector<uint8_t> read_file(const char* path) {
  std::vector<uint8_t> out;
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return out;
  std::fseek(file, 0, SEEK_END);
  out.resize(static_cast<size_t>(std::ftell(file)));
  std::rewind(file);
  if (std::fread(out.data(), 1, out.size(), file) != out.size()) out.clear();
  std::fclose(file);
  return out;
}

bool add_unit(dcd_tree_handle_t tree, const char* text) {
  ocsd_ete_cfg unit{};
  if (std::sscanf(text, "%x %x %x %x %x %x", &unit.reg_configr, &unit.reg_idr0, &unit.reg_idr1, &unit.reg_idr2,
                  &unit.reg_idr8, &unit.reg_devarch) != 6)
    return false;
  unit.reg_traceidr = 0x10;
  unit.arch_ver = ARCH_AA64;
  unit.core_prof = profile_CortexA;
  unsigned char id = 0;
  return ocsd_dt_create_decoder(tree, OCSD_BUILTIN_DCD_ETE, OCSD_CREATE_FLG_FULL_DECODER, &unit, &id) == OCSD_OK;
}

bool add_maps(dcd_tree_handle_t tree, const char* path) {
  std::FILE* file = std::fopen(path, "re");
  if (file == nullptr) return false;
  uint64_t address = 0, size = 0, offset = 0;
  char name[4096];
  bool good = true;
  while (std::fscanf(file, "%" SCNx64 " %" SCNx64 " %" SCNx64 " %4095[^\n]", &address, &size, &offset, name) == 4) {
    const ocsd_file_mem_region_t region = {static_cast<size_t>(offset), address, static_cast<size_t>(size)};
    good = ocsd_dt_add_binfile_region_mem_acc(tree, &region, 1, OCSD_MEM_SPACE_ANY, name) == OCSD_OK && good;
  }
  std::fclose(file);
  return good;
}

// An error stops the library: it is reset behind it and looks for the next synchronization.
void walk(dcd_tree_handle_t tree, const std::vector<uint8_t>& trace, Counts& counts) {
  constexpr size_t kPart = 1 << 16;
  for (size_t at = 0; at < trace.size();) {
    const size_t left = trace.size() - at;
    uint32_t used = 0;
    const auto response = ocsd_dt_process_data(tree, OCSD_OP_DATA, static_cast<ocsd_trc_index_t>(at),
                                               static_cast<uint32_t>(left < kPart ? left : kPart), trace.data() + at, &used);
    at += used;
    if (!OCSD_DATA_RESP_IS_FATAL(response)) continue;
    ++counts.errors;
    ++at;
    ocsd_dt_process_data(tree, OCSD_OP_RESET, 0, 0, nullptr, nullptr);
  }
  ocsd_dt_process_data(tree, OCSD_OP_EOT, 0, 0, nullptr, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  ocsd_def_errlog_init(OCSD_ERR_SEV_NONE, 0);
  const std::vector<uint8_t> trace = read_file(argv[1]);
  dcd_tree_handle_t tree = ocsd_create_dcd_tree(OCSD_TRC_SRC_SINGLE, 0);
  if (trace.empty() || tree == C_API_INVALID_TREE_HANDLE || !add_unit(tree, argv[3]) || !add_maps(tree, argv[2])) {
    std::fputs("opencsd_walk: no trace, unit or maps\n", stderr);
    return 1;
  }
  Counts counts;
  ocsd_dt_set_gen_elem_outfn(tree, count, &counts);
  walk(tree, trace, counts);
  std::printf("%" PRIu64 " %" PRIu64 "\n", counts.instructions, counts.errors);
  ocsd_destroy_dcd_tree(tree);
  return 0;
}
