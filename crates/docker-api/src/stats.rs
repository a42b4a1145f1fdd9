//! [`Stats`]: what a container uses, one sample.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One sample, with the one before for rates.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// The container's name with a slash.
    pub name: String,
    /// Its id.
    pub id: String,
    /// When the sample was taken.
    pub read: String,
    /// When the one before was taken.
    pub preread: String,
    /// Processes: a guest is one.
    pub pids_stats: PidsStats,
    /// Not counted: each list is null, as where the kernel does not count.
    pub blkio_stats: BTreeMap<String, Value>,
    /// Windows only.
    pub num_procs: u32,
    /// Windows only.
    pub storage_stats: BTreeMap<String, Value>,
    /// CPU time.
    pub cpu_stats: CpuStats,
    /// CPU time of the sample before.
    pub precpu_stats: CpuStats,
    /// Memory.
    pub memory_stats: MemoryStats,
    /// What its network moved, by interface.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, InterfaceStats>,
}

/// What one interface moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceStats {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Parts received.
    pub rx_packets: u64,
    /// None.
    pub rx_errors: u64,
    /// None.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Parts sent.
    pub tx_packets: u64,
    /// None.
    pub tx_errors: u64,
    /// What the egress rules refused.
    pub tx_dropped: u64,
}

/// How often the CPU limit held it back; not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottlingData {
    /// Periods.
    pub periods: u64,
    /// Those in which it was held back.
    pub throttled_periods: u64,
    /// For how long, in nanoseconds.
    pub throttled_time: u64,
}

/// Processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PidsStats {
    /// Running ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<u64>,
}

/// CPU time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuStats {
    /// Of the container.
    pub cpu_usage: CpuUsage,
    /// Of the whole machine, in nanoseconds of all CPUs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_cpu_usage: Option<u64>,
    /// CPUs of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub online_cpus: Option<u32>,
    /// How often its limit held it back.
    pub throttling_data: ThrottlingData,
}

/// CPU time of a container, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuUsage {
    /// In all.
    pub total_usage: u64,
    /// In the kernel; not told apart.
    pub usage_in_kernelmode: u64,
    /// In the guest.
    pub usage_in_usermode: u64,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryStats {
    /// Linear memory now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<u64>,
    /// Most it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_usage: Option<u64>,
    /// Not told apart; clients subtract `inactive_file`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub stats: BTreeMap<String, u64>,
    /// The limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}
