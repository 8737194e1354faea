// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's IPVS for programs on tokio: the blocking connection on a thread of its own.

use std::sync::mpsc;
use std::thread;

use nix::errno::Errno;
use tokio::sync::oneshot;

use super::failure::{IpvsError, OpenError};
use super::ipvs::Ipvs;
use super::netlink::NetlinkError;
use crate::codec::ipvs::{Info, ServerEntry, ServiceEntry};
use crate::model::{IpvsTable, ServiceKey, SyncDaemon, SyncRole, Timeouts, VirtualService};
use crate::plan::{Step, StepFailure, Target as _};

/// [`Ipvs`] without blocking the caller. Clones share one connection and its thread. The thread carries requests out
/// one after the other, and ends with the last clone.
///
/// A request that was begun is carried out, also when the future that waits for it is dropped.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use lvs_director::kernel::AsyncIpvs;
///
/// let ipvs = AsyncIpvs::open().await?;
/// for service in ipvs.services().await? {
///     println!("{}: {} servers", service.key, ipvs.servers(service.key).await?.len());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AsyncIpvs(Worker<Ipvs>);

impl AsyncIpvs {
    /// Connects to the IPVS of the calling thread's network namespace, see [`Ipvs::open`].
    pub async fn open() -> Result<Self, OpenError> {
        let failed = |errno| {
            OpenError::Netlink(NetlinkError::Socket {
                operation: "start a thread for IPVS",
                errno,
            })
        };
        Worker::start(Ipvs::open, failed).await.map(Self)
    }

    /// Does anything that the blocking form can do. Put several requests into one call when nothing may come between
    /// them.
    pub async fn with<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Ipvs) -> Result<R, IpvsError> + Send + 'static,
    ) -> Result<R, IpvsError> {
        self.0.run(job).await.unwrap_or_else(|errno| {
            let operation = "wait for the thread that talks to IPVS";
            Err(IpvsError {
                operation: operation.to_owned(),
                cause: NetlinkError::Socket { operation, errno },
            })
        })
    }

    /// [`Ipvs::info`].
    pub async fn info(&self) -> Result<Info, IpvsError> {
        self.with(Ipvs::info).await
    }

    /// [`Ipvs::services`].
    pub async fn services(&self) -> Result<Vec<ServiceEntry>, IpvsError> {
        self.with(Ipvs::services).await
    }

    /// [`Ipvs::service`].
    pub async fn service(&self, key: ServiceKey) -> Result<ServiceEntry, IpvsError> {
        self.with(move |ipvs| ipvs.service(&key)).await
    }

    /// [`Ipvs::servers`].
    pub async fn servers(&self, key: ServiceKey) -> Result<Vec<ServerEntry>, IpvsError> {
        self.with(move |ipvs| ipvs.servers(&key)).await
    }

    /// The whole table: [`Target::read`](crate::plan::Target::read).
    pub async fn read(&self) -> Result<IpvsTable, IpvsError> {
        self.with(Ipvs::read).await
    }

    /// One service, `None` when there is none: [`Target::read_service`](crate::plan::Target::read_service).
    pub async fn read_service(&self, key: ServiceKey) -> Result<Option<VirtualService>, IpvsError> {
        self.with(move |ipvs| ipvs.read_service(&key)).await
    }

    /// Carries out changes in order; returned are the refused ones: [`Target::apply`](crate::plan::Target::apply).
    pub async fn apply(&self, steps: Vec<Step>) -> Result<Vec<StepFailure>, IpvsError> {
        self.with(move |ipvs| ipvs.apply(&steps)).await
    }

    /// [`Ipvs::timeouts`].
    pub async fn timeouts(&self) -> Result<Timeouts, IpvsError> {
        self.with(Ipvs::timeouts).await
    }

    /// [`Ipvs::set_timeouts`].
    pub async fn set_timeouts(&self, timeouts: Timeouts) -> Result<(), IpvsError> {
        self.with(move |ipvs| ipvs.set_timeouts(timeouts)).await
    }

    /// [`Ipvs::sync_daemons`].
    pub async fn sync_daemons(&self) -> Result<Vec<SyncDaemon>, IpvsError> {
        self.with(Ipvs::sync_daemons).await
    }

    /// [`Ipvs::start_sync_daemon`].
    pub async fn start_sync_daemon(&self, daemon: SyncDaemon) -> Result<(), IpvsError> {
        self.with(move |ipvs| ipvs.start_sync_daemon(&daemon)).await
    }

    /// [`Ipvs::stop_sync_daemon`].
    pub async fn stop_sync_daemon(&self, role: SyncRole) -> Result<(), IpvsError> {
        self.with(move |ipvs| ipvs.stop_sync_daemon(role)).await
    }

    /// [`Ipvs::zero`].
    pub async fn zero(&self) -> Result<(), IpvsError> {
        self.with(Ipvs::zero).await
    }

    /// [`Ipvs::zero_service`].
    pub async fn zero_service(&self, key: ServiceKey) -> Result<(), IpvsError> {
        self.with(move |ipvs| ipvs.zero_service(&key)).await
    }

    /// [`Ipvs::flush`].
    pub async fn flush(&self) -> Result<(), IpvsError> {
        self.with(Ipvs::flush).await
    }
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// A value on a thread of its own.
#[derive(Debug)]
struct Worker<T>(mpsc::Sender<Job<T>>);

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: 'static> Worker<T> {
    /// Starts the thread, which makes the value; `failed` makes the error when the thread could not be started.
    async fn start<E: Send + 'static>(
        open: impl FnOnce() -> Result<T, E> + Send + 'static,
        failed: impl Fn(Errno) -> E,
    ) -> Result<Self, E> {
        let (opened, outcome) = oneshot::channel();
        let (sender, jobs) = mpsc::channel::<Job<T>>();
        let work = move || match open() {
            Ok(mut value) => {
                // The caller may have gone: then there are no jobs either.
                let _ = opened.send(Ok(()));
                for job in jobs {
                    job(&mut value);
                }
            }
            Err(error) => {
                let _ = opened.send(Err(error));
            }
        };
        let thread = thread::Builder::new().name("ipvs".to_owned());
        if let Err(error) = thread.spawn(work) {
            let errno = error.raw_os_error().map(Errno::from_raw);
            return Err(failed(errno.unwrap_or(Errno::EAGAIN)));
        }
        match outcome.await {
            Ok(Ok(())) => Ok(Self(sender)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(failed(Errno::ECANCELED)),
        }
    }

    /// The job's result; an error when the thread has ended, because a job panicked.
    async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, Errno> {
        let (done, outcome) = oneshot::channel();
        let job: Job<T> = Box::new(move |value| {
            // The caller may have gone.
            let _ = done.send(job(value));
        });
        self.0.send(job).map_err(|_| Errno::ECANCELED)?;
        outcome.await.map_err(|_| Errno::ECANCELED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<R>(future: impl Future<Output = R>) -> R {
        let runtime = tokio::runtime::Builder::new_current_thread();
        { runtime }.build().unwrap().block_on(future)
    }

    #[test]
    fn requests_are_carried_out_in_order_on_another_thread() {
        wait(async {
            let worker = Worker::start(|| Ok(Vec::new()), |errno| errno)
                .await
                .unwrap();
            let other = worker.clone();
            drop(worker.run(|all: &mut Vec<u32>| all.push(1)));
            worker.run(|all| all.push(2)).await.unwrap();
            other.run(|all| all.push(3)).await.unwrap();
            let here = thread::current().id();
            let (all, there) = worker
                .run(|all| (all.clone(), thread::current().id()))
                .await
                .unwrap();
            assert_eq!(all, [2, 3]);
            assert_ne!(here, there);
        });
    }

    #[test]
    fn what_cannot_be_opened_says_why() {
        let opened: Result<Worker<()>, _> =
            wait(Worker::start(|| Err(Errno::EPERM), |errno| errno));
        assert_eq!(opened.unwrap_err(), Errno::EPERM);
    }

    #[test]
    fn a_job_that_panics_leaves_nobody_waiting() {
        wait(async {
            let worker = Worker::start(|| Ok(0), |errno| errno).await.unwrap();
            let lost = worker.run(|_: &mut i32| panic!("a test of a panic")).await;
            assert_eq!(lost, Err::<(), _>(Errno::ECANCELED));
            assert_eq!(worker.run(|it| *it).await, Err(Errno::ECANCELED));
        });
    }
}
