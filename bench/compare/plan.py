"""How long a comparison takes: how long each run may be, and how much is left."""
import time

# Seconds beside the measured ones, as seen on two cores: of a run of Kith (its community is made
# anew), of any other run, and of loading the peers.
KITH_S, OTHER_S, LOAD_S = 4.0, 0.4, 25.0
WARM = 0.25                                     # of the measured time, before it
SHORTEST_S, LONGEST_S = 1.0, 10.0


def runs_of(groups, servers, rounds):
    """Measured runs of Kith and of others; pools count for a half."""
    kith = other = 0.0
    for group in groups:
        for case in group.cases:
            peers = [s for s in servers if case.scenario in s.scenarios]
            again = len(case.variants) - ('kith-http' in case.variants)
            http = 'kith-http' in case.variants
            kith += rounds * (1 + again + http) + (case.scenario in ('feed', 'mixed'))
            other += rounds * (1 + http + len(peers))
            if case.connections > 1:
                other += sum(len(s.pools) for s in peers if len(s.pools) > 1) / 2
    return kith, other


class Plan:
    def __init__(self, o, groups, servers, storage_s):
        kith, other = runs_of(groups, servers, o.runs)
        self.fixed = storage_s + LOAD_S * len(groups)
        beside = self.fixed + kith * KITH_S + other * OTHER_S
        if o.duration is None:
            o.duration = (60 * o.minutes - beside) / ((kith + other) * (1 + WARM))
            o.duration = round(min(max(o.duration, SHORTEST_S), LONGEST_S), 1)
        if o.warmup is None:
            o.warmup = max(0.5, o.duration * WARM)
        self.run_s = o.duration + o.warmup
        self.total = beside + (kith + other) * self.run_s
        self.done, self.begin = 0.0, time.monotonic()

    def did_run(self, kith, share=1):
        self.done += share * self.run_s + (KITH_S if kith else OTHER_S)

    def did(self, seconds):
        self.done += seconds

    def left(self):
        """Minutes, by how long the part that is done took against its estimate."""
        if self.done <= 0:
            return self.total / 60
        pace = (time.monotonic() - self.begin) / self.done
        return max(0.0, (self.total - self.done) * pace / 60)

    def words(self):
        return '%3.0f %% %3.0f min left' % (min(100, 100 * self.done / self.total), self.left())
