//! `process_*`, as the client libraries have it: read from /proc, at most once a second.
//!
//! Where there is no /proc the families are absent.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use procfs::process::{LimitValue, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// Reading /proc costs more than all other live metrics together.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct ProcessMetrics(Mutex<Option<(Instant, Reading)>>);

#[derive(Clone, Copy, Debug)]
struct Reading {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    open_fds: u64,
    max_fds: Option<u64>,
    start_seconds: f64,
}

/// Registers the families at the root of `registry`.
pub fn register(registry: &mut Registry) {
    registry.register_collector(Box::new(ProcessMetrics::default()));
}

impl ProcessMetrics {
    fn reading(&self) -> Option<Reading> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, reading)) = *last
            && at.elapsed() < FRESH
        {
            return Some(reading);
        }
        let reading = read().ok()?;
        *last = Some((Instant::now(), reading));
        Some(reading)
    }
}

#[expect(clippy::cast_precision_loss, reason = "ticks and seconds stay far below 2^53")]
fn read() -> procfs::ProcResult<Reading> {
    let process = Process::myself()?;
    let stat = process.stat()?;
    let ticks = procfs::ticks_per_second() as f64;
    let boot = procfs::boot_time_secs()? as f64;
    Ok(Reading {
        cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
        resident_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
        open_fds: process.fd_count()? as u64,
        max_fds: match process.limits()?.max_open_files.soft_limit {
            LimitValue::Value(limit) => Some(limit),
            LimitValue::Unlimited => None,
        },
        start_seconds: boot + stat.starttime as f64 / ticks,
    })
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(reading) = self.reading() else { return Ok(()) };
        let cpu = ConstCounter::new(reading.cpu_seconds);
        let help = "Total user and system CPU time in seconds.";
        cpu.encode(encoder.encode_descriptor(
            "process_cpu",
            help,
            Some(&Unit::Seconds),
            cpu.metric_type(),
        )?)?;
        let bytes = [
            ("process_resident_memory", "Resident memory size in bytes.", reading.resident_bytes),
            ("process_virtual_memory", "Virtual memory size in bytes.", reading.virtual_bytes),
        ];
        for (name, help, value) in bytes {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(
                name,
                help,
                Some(&Unit::Bytes),
                gauge.metric_type(),
            )?)?;
        }
        let fds = [
            ("process_open_fds", "Number of open file descriptors.", Some(reading.open_fds)),
            ("process_max_fds", "Maximum number of open file descriptors.", reading.max_fds),
        ];
        for (name, help, value) in fds {
            let Some(value) = value else { continue };
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let start = ConstGauge::new(reading.start_seconds);
        let help = "Start time of the process in seconds since 1970.";
        start.encode(encoder.encode_descriptor(
            "process_start_time",
            help,
            Some(&Unit::Seconds),
            start.metric_type(),
        )?)
    }
}
