"""Seeded faults of sensors: noise, dropout, blackout, frozen, latency, dirt, miscalibration, jump."""

from mmenvs.core.faults.bank import FaultBank
from mmenvs.core.faults.fault import KINDS, MEANINGS, Fault, Faults, Schedule, parse_faults

__all__ = ["KINDS", "MEANINGS", "Fault", "FaultBank", "Faults", "Schedule", "parse_faults"]
