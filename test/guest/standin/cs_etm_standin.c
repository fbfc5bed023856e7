// SPDX-License-Identifier: GPL-2.0-only
/*
 * cs_etm_standin - a software stand-in for CoreSight's cs_etm PMU with three shared sinks.
 *
 * It behaves towards the perf core as drivers/hwtracing/coresight does with an ETMv4 per cpu behind an ETR, an ETF or an
 * ETB: the sink collects frames, and what it holds is copied into the AUX buffer at each pause and each stop, with an
 * AUX record. There is no hardware: each stretch of trace is `produce` bytes of ETMv4 packets that say that a loop of
 * two instructions at `address` goes round, with a synchronization every SYNC bytes.
 *
 * /sys/kernel/debug/cs_etm_standin: `written`, all bytes that went into an AUX buffer, in order; `events`, a line for
 * each AUX buffer that was set up.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static bool pause_cap = true;
module_param(pause_cap, bool, 0444);
MODULE_PARM_DESC(pause_cap, "claim PERF_PMU_CAP_AUX_PAUSE");
static bool pause_ops = true;
module_param(pause_ops, bool, 0444);
MODULE_PARM_DESC(pause_ops, "the trace units can be paused; N: setup_aux refuses, as with an ETMv3");
static bool etmv3;
module_param(etmv3, bool, 0444);
MODULE_PARM_DESC(etmv3, "sysfs shows ETMv3 registers");
static uint sram = 16384;
module_param(sram, uint, 0444);
MODULE_PARM_DESC(sram, "bytes that the ETF and the ETB hold");
static ulong address;
module_param(address, ulong, 0644);
MODULE_PARM_DESC(address, "of the loop that the trace tells of");
static uint produce = 1000;
module_param(produce, uint, 0644);
MODULE_PARM_DESC(produce, "bytes of packets for each stretch");
static ulong stat_truncated, stat_records, stat_lost;
module_param(stat_truncated, ulong, 0644);
module_param(stat_records, ulong, 0644);
module_param(stat_lost, ulong, 0644);

enum sink { ETR, ETF, ETB, SINKS };
static const char *const sink_names[SINKS] = { "tmc_etr0", "tmc_etf0", "tmc_etb0" };
static const u32 sink_ids[SINKS] = { 0x1e7a0001, 0x1e7f0002, 0x1e7b0003 };
#define FRAME 16
#define FRAME_DATA 14		/* beside the id and the byte of low bits */
#define SYNC 1024
#define TRACE_ID(cpu) (0x30 + (cpu))
#define ETR_SIZE (1u << 20)

struct standin_buf {
	void **pages;
	unsigned long size;
	bool snapshot;
	enum sink sink;
	cpumask_t told;		/* cpus whose trace id was reported */
};

struct standin_cpu {
	struct perf_output_handle handle;
	struct standin_buf *buf;
	bool tracing;
	u8 *held;		/* the sink's memory, ETR_SIZE bytes */
	unsigned long fill;	/* bytes that came since it was emptied */
};

static DEFINE_PER_CPU(struct standin_cpu, standin_cpu);
static struct pmu standin_pmu;

/* What debugfs shows */
#define LOG_SIZE (16u << 20)
static struct debugfs_blob_wrapper written, events;
static DEFINE_RAW_SPINLOCK(log_lock);
static struct dentry *log_dir;

static void log_bytes(struct debugfs_blob_wrapper *log, const void *bytes, size_t size)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&log_lock, flags);
	if (log->size + size <= LOG_SIZE) {
		memcpy(log->data + log->size, bytes, size);
		log->size += size;
	}
	raw_spin_unlock_irqrestore(&log_lock, flags);
}

/* The trace unit */

/* A-sync, Trace Info, Trace On, Context (EL0, 64 bits), Address (64 bits), Timestamp (35 bits: perf decodes nothing
 * without one). Source: ARM IHI 0064, chapter 6.
 */
static unsigned int put_sync(u8 *to)
{
	unsigned int n = 11, shift;
	u64 time = local_clock();

	memset(to, 0, n);
	to[n++] = 0x80;
	to[n++] = 0x01;
	to[n++] = 0x00;
	to[n++] = 0x04;
	to[n++] = 0x81;
	to[n++] = 0x30;
	to[n++] = 0x9d;
	to[n++] = address >> 2 & 0x7f;
	to[n++] = address >> 9 & 0x7f;
	for (shift = 16; shift < 64; shift += 8)
		to[n++] = address >> shift & 0xff;
	to[n++] = 0x02;
	for (shift = 0; shift < 35; shift += 7)
		to[n++] = (time >> shift & 0x7f) | (shift < 28 ? 0x80 : 0);
	return n;
}

static u8 packet_byte(const u8 *sync, unsigned int sync_size, unsigned int at)
{
	return at % SYNC < sync_size ? sync[at % SYNC] : 0xf7;	/* one atom: the loop's branch is taken */
}

/* The sink's formatter: an id that takes effect at once, then data; the low bits of its even bytes are in the last. */
static void put_frame(struct standin_cpu *c, const u8 *sync, unsigned int sync_size, unsigned int at)
{
	u8 *frame = c->held + c->fill % ETR_SIZE;
	unsigned int i;

	frame[0] = TRACE_ID(smp_processor_id()) << 1 | 1;
	frame[15] = 0;
	for (i = 1; i <= FRAME_DATA; i++) {
		frame[i] = packet_byte(sync, sync_size, at + i - 1);
		if (i % 2 == 0) {
			frame[15] |= (frame[i] & 1) << (i / 2);
			frame[i] &= 0xfe;
		}
	}
	c->fill += FRAME;
}

static void produce_trace(struct standin_cpu *c)
{
	unsigned int size = READ_ONCE(produce) / FRAME_DATA * FRAME_DATA, at;
	u8 sync[64];
	unsigned int sync_size = put_sync(sync);

	for (at = 0; at < size; at += FRAME_DATA)
		put_frame(c, sync, sync_size, at);
}

static void unit_start(struct standin_cpu *c, struct perf_event *event)
{
	if (!READ_ONCE(event->hw.aux_paused))
		c->tracing = true;
}

static void unit_stop(struct standin_cpu *c)
{
	if (c->tracing)
		produce_trace(c);
	c->tracing = false;
}

/* The sink */

static void copy_out(struct standin_cpu *c, unsigned long from, unsigned long size, bool lost)
{
	static const u32 barrier_packet[4] = { 0x7fffffff, 0x7fffffff, 0x7fffffff, 0x7fffffff };
	struct standin_buf *buf = c->buf;
	unsigned long head = c->handle.head & (buf->size - 1), i;

	for (i = 0; i < size; i += FRAME) {
		const void *frame = lost && i == 0 ? (const void *)barrier_packet : c->held + (from + i) % ETR_SIZE;
		unsigned long at = (head + i) & (buf->size - 1);

		memcpy(buf->pages[at >> PAGE_SHIFT] + offset_in_page(at), frame, FRAME);
		log_bytes(&written, frame, FRAME);
	}
}

/* As tmc_update_etr_buffer and tmc_update_etf_buffer: the newest that fits; says what went missing. */
static unsigned long update_buffer(struct standin_cpu *c)
{
	struct standin_buf *buf = c->buf;
	unsigned long room = buf->sink == ETR ? ETR_SIZE : min_t(unsigned long, sram, ETR_SIZE);
	unsigned long size = min(c->fill, room), limit = buf->snapshot ? buf->size : c->handle.size;
	bool lost = size < c->fill;

	if (size > limit) {
		size = round_down(limit, FRAME);
		lost = true;
	}
	if (lost && !buf->snapshot) {
		perf_aux_output_flag(&c->handle, PERF_AUX_FLAG_TRUNCATED);
		stat_truncated++;
	}
	stat_lost += c->fill - size;
	copy_out(c, c->fill - size, size, lost && !buf->snapshot);
	if (buf->snapshot)
		c->handle.head += size;
	c->fill = 0;
	if (size)
		stat_records++;
	smp_wmb();	/* data before aux_head: (B) in kernel/events/ring_buffer.c */
	return size;
}

/* PMU callbacks; each has its like in coresight-etm-perf.c */

static void standin_pause(struct standin_cpu *c, struct perf_event *event)
{
	unsigned long size;

	if (!c->buf)
		return;
	unit_stop(c);
	if (c->handle.event != event)
		return;
	size = update_buffer(c);
	if (!size)
		return;
	perf_aux_output_end(&c->handle, size);
	perf_aux_output_begin(&c->handle, event);
}

static void standin_start(struct perf_event *event, int mode)
{
	struct standin_cpu *c = this_cpu_ptr(&standin_cpu);
	int cpu = smp_processor_id();

	if (mode & PERF_EF_RESUME) {
		if (c->buf)
			c->tracing = true;
		return;
	}
	if (WARN_ON(c->buf))
		return;
	c->buf = perf_aux_output_begin(&c->handle, event);
	if (!c->buf) {
		event->hw.state = PERF_HES_STOPPED;
		return;
	}
	c->fill = 0;
	event->hw.state = 0;
	if (!cpumask_test_and_set_cpu(cpu, &c->buf->told))
		perf_report_aux_output_id(event, 1ull << 56 | (u64)sink_ids[c->buf->sink] << 8 | TRACE_ID(cpu));
	unit_start(c, event);
}

static void standin_stop(struct perf_event *event, int mode)
{
	struct standin_cpu *c = this_cpu_ptr(&standin_cpu);

	if (mode & PERF_EF_PAUSE) {
		standin_pause(c, event);
		return;
	}
	if (event->hw.state == PERF_HES_STOPPED || !c->buf)
		return;
	unit_stop(c);
	event->hw.state = PERF_HES_STOPPED;
	if (READ_ONCE(c->handle.event) && (mode & PERF_EF_UPDATE))
		perf_aux_output_end(&c->handle, update_buffer(c));
	c->buf = NULL;
}

static int standin_add(struct perf_event *event, int mode)
{
	if (mode & PERF_EF_START) {
		standin_start(event, 0);
		return event->hw.state & PERF_HES_STOPPED ? -EINVAL : 0;
	}
	event->hw.state = PERF_HES_STOPPED;
	return 0;
}

static void standin_del(struct perf_event *event, int mode)
{
	standin_stop(event, PERF_EF_UPDATE);
}

static void standin_read(struct perf_event *event)
{
}

static int standin_event_init(struct perf_event *event)
{
	return event->attr.type == standin_pmu.type ? 0 : -ENOENT;
}

static int sink_of(const struct perf_event *event)
{
	u32 id = event->attr.config2;
	int i;

	for (i = 0; i < SINKS; i++)
		if (sink_ids[i] == id)
			return i;
	return id ? -1 : ETR;
}

static void *standin_setup_aux(struct perf_event *event, void **pages, int nr_pages, bool overwrite)
{
	struct standin_buf *buf;
	int sink = sink_of(event);
	char line[160];

	if (event->attr.aux_start_paused && !pause_ops) {
		pr_err("AUX pause is not supported.\n");
		return NULL;
	}
	if (sink < 0)
		return NULL;
	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return NULL;
	buf->pages = pages;
	buf->size = (unsigned long)nr_pages << PAGE_SHIFT;
	buf->snapshot = overwrite;
	buf->sink = sink;
	log_bytes(&events, line, scnprintf(line, sizeof(line), "%s config %#llx config2 %#llx start_paused %d size %lu %s\n",
					   sink_names[sink], event->attr.config, event->attr.config2,
					   event->attr.aux_start_paused, buf->size, overwrite ? "ring" : "full"));
	return buf;
}

static void standin_free_aux(void *aux)
{
	kfree(aux);
}

/* sysfs: the PMU */

PMU_FORMAT_ATTR(preset,		"config:0-3");
PMU_FORMAT_ATTR(branch_broadcast, "config:8");
PMU_FORMAT_ATTR(cycacc,		"config:12");
PMU_FORMAT_ATTR(contextid,	"config:14");
PMU_FORMAT_ATTR(timestamp,	"config:28");
PMU_FORMAT_ATTR(retstack,	"config:29");
PMU_FORMAT_ATTR(sinkid,		"config2:0-31");
PMU_FORMAT_ATTR(configid,	"config2:32-63");

static struct attribute *format_attrs[] = {
	&format_attr_preset.attr, &format_attr_branch_broadcast.attr, &format_attr_cycacc.attr, &format_attr_contextid.attr,
	&format_attr_timestamp.attr, &format_attr_retstack.attr, &format_attr_sinkid.attr, &format_attr_configid.attr, NULL,
};
static const struct attribute_group format_group = { .name = "format", .attrs = format_attrs };

#define SINK(_name, _id)									\
static ssize_t sink_##_name##_show(struct device *dev, struct device_attribute *attr, char *page)	\
{ return sysfs_emit(page, "0x%x\n", sink_ids[_id]); }						\
static struct device_attribute sink_##_name = __ATTR(_name, 0444, sink_##_name##_show, NULL)
SINK(tmc_etr0, ETR);
SINK(tmc_etf0, ETF);
SINK(tmc_etb0, ETB);
static struct attribute *sink_attrs[] = { &sink_tmc_etr0.attr, &sink_tmc_etf0.attr, &sink_tmc_etb0.attr, NULL };
static const struct attribute_group sinks_group = { .name = "sinks", .attrs = sink_attrs };

static const struct attribute_group *attr_groups[] = { &format_group, &sinks_group, NULL };

/* sysfs: cpuN, registers of its trace unit (an ETMv4 of a Cortex-A53, or an ETMv3) */

#define REGISTER(_name, _value)									\
static ssize_t _name##_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)	\
{ return sysfs_emit(page, "0x%x\n", _value); }							\
static struct kobj_attribute _name##_attr = __ATTR(_name, 0444, _name##_show, NULL)
REGISTER(trcidr0, 0x28000ea1);
REGISTER(trcidr1, 0x4100f403);
REGISTER(trcidr2, 0x488);
REGISTER(trcidr8, 0);
REGISTER(trcauthstatus, 0xcc);
REGISTER(trcdevarch, 0x47704a13);
REGISTER(etmccer, 0x34c01ac2);
REGISTER(etmidr, 0x410ff250);
static const struct attribute *const trcidr_files[] = { &trcidr0_attr.attr, &trcidr1_attr.attr, &trcidr2_attr.attr,
							&trcidr8_attr.attr, NULL };
static const struct attribute *const mgmt4_files[] = { &trcauthstatus_attr.attr, &trcdevarch_attr.attr, NULL };
static const struct attribute *const mgmt3_files[] = { &etmccer_attr.attr, &etmidr_attr.attr, NULL };

static struct kobject *folders[NR_CPUS * 3];
static unsigned int nr_folders;

static struct kobject *add_folder(const char *name, struct kobject *parent, const struct attribute *const *files)
{
	struct kobject *folder = kobject_create_and_add(name, parent);

	if (!folder)
		return NULL;
	folders[nr_folders++] = folder;
	return files && sysfs_create_files(folder, files) ? NULL : folder;
}

static int add_cpu_folders(void)
{
	char name[16];
	int cpu;

	for_each_possible_cpu(cpu) {
		struct kobject *folder;

		snprintf(name, sizeof(name), "cpu%d", cpu);
		folder = add_folder(name, &standin_pmu.dev->kobj, NULL);
		if (!folder || !add_folder("mgmt", folder, etmv3 ? mgmt3_files : mgmt4_files))
			return -ENOMEM;
		if (!etmv3 && !add_folder("trcidr", folder, trcidr_files))
			return -ENOMEM;
	}
	return 0;
}

/* sysfs: /sys/bus/coresight/devices, as far as it tells what a sink is */

static const struct bus_type coresight_bus = { .name = "coresight" };
static struct device sink_devices[SINKS];

static ssize_t rsz_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "0x%x\n", dev == &sink_devices[ETR] ? ETR_SIZE / 4 : sram / 4);
}
static DEVICE_ATTR_RO(rsz);
static ssize_t buffer_size_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "0x%x\n", ETR_SIZE);
}
static DEVICE_ATTR_RO(buffer_size);
static ssize_t buf_mode_preferred_show(struct device *dev, struct device_attribute *attr, char *page)
{
	return sysfs_emit(page, "auto\n");
}
static DEVICE_ATTR_RO(buf_mode_preferred);

static struct attribute *mgmt_attrs[] = { &dev_attr_rsz.attr, NULL };
static const struct attribute_group mgmt_group = { .name = "mgmt", .attrs = mgmt_attrs };
static struct attribute *etr_attrs[] = { &dev_attr_buffer_size.attr, &dev_attr_buf_mode_preferred.attr, NULL };
static const struct attribute_group etr_group = { .attrs = etr_attrs };
static const struct attribute_group *etr_groups[] = { &mgmt_group, &etr_group, NULL };
static const struct attribute_group *sram_groups[] = { &mgmt_group, NULL };

static void no_release(struct device *dev)
{
}

static int add_sinks(void)
{
	int i, ret = bus_register(&coresight_bus);

	for (i = 0; !ret && i < SINKS; i++) {
		struct device *dev = &sink_devices[i];

		memset(dev, 0, sizeof(*dev));
		dev_set_name(dev, "%s", sink_names[i]);
		dev->bus = &coresight_bus;
		dev->release = no_release;
		dev->groups = i == ETR ? etr_groups : sram_groups;
		ret = device_register(dev);
	}
	return ret;
}

static struct pmu standin_pmu = {
	.module		= THIS_MODULE,
	.attr_groups	= attr_groups,
	.task_ctx_nr	= perf_sw_context,
	.event_init	= standin_event_init,
	.add		= standin_add,
	.del		= standin_del,
	.start		= standin_start,
	.stop		= standin_stop,
	.read		= standin_read,
	.setup_aux	= standin_setup_aux,
	.free_aux	= standin_free_aux,
};

static int make_memory(void)
{
	int cpu;

	written.data = vzalloc(LOG_SIZE);
	events.data = vzalloc(LOG_SIZE);
	if (!written.data || !events.data)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		per_cpu(standin_cpu, cpu).held = vzalloc(ETR_SIZE);
		if (!per_cpu(standin_cpu, cpu).held)
			return -ENOMEM;
	}
	log_dir = debugfs_create_dir("cs_etm_standin", NULL);
	debugfs_create_blob("written", 0444, log_dir, &written);
	debugfs_create_blob("events", 0444, log_dir, &events);
	return 0;
}

/* A failure leaves what was made: the guest ends with the test. */
static int __init standin_init(void)
{
	int ret = make_memory();

	standin_pmu.capabilities = PERF_PMU_CAP_EXCLUSIVE | PERF_PMU_CAP_ITRACE | (pause_cap ? PERF_PMU_CAP_AUX_PAUSE : 0);
	if (!ret)
		ret = perf_pmu_register(&standin_pmu, "cs_etm", -1);
	if (!ret)
		ret = add_cpu_folders();
	return ret ?: add_sinks();
}

static void __exit standin_exit(void)
{
	int i, cpu;

	for (i = 0; i < SINKS; i++)
		device_unregister(&sink_devices[i]);
	bus_unregister(&coresight_bus);
	while (nr_folders)
		kobject_put(folders[--nr_folders]);
	perf_pmu_unregister(&standin_pmu);
	debugfs_remove_recursive(log_dir);
	for_each_possible_cpu(cpu)
		vfree(per_cpu(standin_cpu, cpu).held);
	vfree(written.data);
	vfree(events.data);
}

module_init(standin_init);
module_exit(standin_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Software stand-in for CoreSight's PMU with an ETR, an ETF and an ETB");
