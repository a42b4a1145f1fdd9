//! Snapshots: inspect, list, info.

use std::sync::Arc;

use crate::core::Core;
use crate::record::Record;
use crate::{Container, EngineError, Info, ListFilter, LogDriver, Status, filter};

impl Core {
    /// A snapshot of a container, without `door_data`.
    pub(crate) fn snapshot(&self, record: &Record) -> Container {
        let life = record.life();
        let name = life.name.to_string();
        let (state, restart_count) = (life.state(), life.row.restarts);
        let ports = match &life.ports {
            Some(bound) => bound.ports.clone(),
            None => Vec::new(),
        };
        drop(life);
        let settled = &record.settled;
        Container {
            id: record.id,
            name,
            image: record.facts.data.id.clone(),
            spec: record.terms().spec,
            argv: settled.argv.clone(),
            env: settled.env.clone(),
            working_dir: settled.working_dir.clone(),
            user: settled.user.clone(),
            labels: self.labels(record),
            stop_signal: settled.stop_signal.clone(),
            mounts: settled.mounts.clone(),
            created: record.created,
            state,
            restart_count,
            log_path: match record.spec.log.driver {
                LogDriver::None => std::path::PathBuf::new(),
                LogDriver::JsonFile | LogDriver::Local => self.log_path(record.id),
            },
            upper: self.upper(record.id),
            layers: record.facts.data.layers.clone(),
            exposed: filter::exposed(record),
            networks: self.network_views(record),
            egress: record.spec.egress.clone().unwrap_or_else(|| self.config.egress.clone()),
            ports,
            execs: self.execs.open(record.id),
        }
    }

    /// A snapshot with `door_data`.
    pub(crate) fn inspect(&self, name: &str) -> Result<Container, EngineError> {
        let record = self.containers.find(name)?;
        let mut snapshot = self.snapshot(&record);
        let mut spec = (*snapshot.spec).clone();
        spec.door_data = self.store.door_data(record.id)?;
        snapshot.spec = Arc::new(spec);
        Ok(snapshot)
    }

    /// Snapshots, newest first.
    pub(crate) fn list(&self, filter: &ListFilter) -> Result<Vec<Container>, EngineError> {
        let wanted = filter::Wanted::parse(self, filter)?;
        let mut records = self.containers.all();
        records.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
        // Limited before it is filtered by state, as docker does: `-n 3` are the newest three of all that match.
        let matching = records.iter().filter(|record| wanted.matches(self, record));
        Ok(matching.take(wanted.limit()).map(|record| self.snapshot(record)).collect())
    }

    /// Facts for `info`.
    pub(crate) fn info(&self) -> Info {
        let mut info = Info { id: self.installation.clone(), root: self.config.root.clone(), ..Info::default() };
        for record in self.containers.all() {
            info.containers += 1;
            match record.life().status() {
                Status::Running | Status::Restarting => info.running += 1,
                Status::Paused => info.paused += 1,
                Status::Created | Status::Removing | Status::Exited | Status::Dead => info.stopped += 1,
            }
        }
        info.images = self.images.images().map_or(0, |images| images.len());
        for (worker, load) in self.workers.all() {
            info.workers.push((worker.name.clone(), worker.client.pid(), load as usize));
            for warning in worker.client.warnings() {
                if !info.warnings.contains(&warning) {
                    info.warnings.push(warning);
                }
            }
        }
        info
    }
}
