//! Whole nightshifts in this process, over the simulated cluster, through their real doors.

mod crash;
mod measures;
mod path;
mod sight;
mod votes;
mod watches;
