//! The binary: an allocator and the command line.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("NS_LOG"))
        .with_writer(std::io::stderr)
        .try_init();
    let unattended = std::env::args().any(|a| a == "--unattended");
    nightshift::demo::run(nightshift::demo::Options { unattended, kubeconfig: None, speed: 60 }).await
}
