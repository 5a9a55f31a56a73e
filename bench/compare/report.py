"""What compare.py found, as a table of text and as one page of HTML with its charts inside."""
import collections
import html

import about
import storage

NAMES = {'kith': 'Kith', 'kith-http': 'Kith, HTTP', 'kith-1core': 'Kith, 1 core',
         'redis': 'Redis 7', 'postgres': 'PostgreSQL 15', 'memcached': 'memcached',
         'echo': 'echo (limit)', 'echo-http': 'echo, HTTP\'s'}
COLOURS = {'kith': '#1a6fb0', 'kith-http': '#5b9ac8', 'kith-1core': '#93bbd9',
           'redis': '#c0392b', 'postgres': '#7f6bb3', 'memcached': '#3d8b5f'}
HEAD = ('system', 'ops/s', 'p50 us', 'p99 us', 'p99.9 us', 'CPU us/op', 'x best peer', 'x limit')


def ratio(value):
    return '' if value is None else '%.2f' % value


def cells(name, m):
    return (NAMES[name], '{:,.0f}'.format(m['ops_per_second']), '{:,.0f}'.format(m['p50_us']),
            '{:,.0f}'.format(m['p99_us']), '{:,.0f}'.format(m['p999_us']),
            '%.2f' % m['server_us_per_op'],
            ratio(m['ratio_to_best_peer']) if name[:4] != 'echo' else '',
            ratio(m['ratio_to_limit']))


BUSY = 0.9                                      # of the generator's thread: it holds things up


def words(case, limits):
    """Sentences about latency and the generator, where the case has the figures for them."""
    busy = [NAMES[n] for n, m in case.medians.items() if m['generator_busy'] > BUSY]
    said = [latency_words(case, limits), variant_words(case), write_words(case)]
    if busy:
        said.append('The generator was as busy as can be with %s.' % ', '.join(busy))
    return ' '.join(filter(None, said))


def variant_words(case):
    """Kith over HTTP beside its own protocol and PostgreSQL; on one core beside two."""
    m, said = case.medians, []
    rate = {name: row['ops_per_second'] for name, row in m.items()}
    if 'kith-http' in m:
        said.append('HTTP with JSON: x %.2f of the binary rate%s.' % (
            rate['kith-http'] / rate['kith'], ', x %.2f of PostgreSQL, which has no web server '
            'before it' % (rate['kith-http'] / rate['postgres']) if 'postgres' in rate else ''))
    if 'kith-1core' in m:
        said.append('Server time an operation: x %.2f on all cores of that on one.' % (
            m['kith']['server_us_per_op'] / m['kith-1core']['server_us_per_op']))
    return ' '.join(said)


def write_words(case):
    part = case.medians.get('kith', {}).get('ratio_to_write_limit')
    return 'x %.3f of group commits of as many bytes, 64 KiB at once.' % part if part else ''


def latency_words(case, limits):
    m = case.medians.get('kith', {})
    append = limits.get('figures', {}).get('append_4k_us')
    if case.connections == 1 and m and append:
        least = append + case.medians['echo']['p50_us']
        return 'A synced append of 4 KiB and an echo: %.0f us; p50 of Kith x %.2f.' % (
            least, m['p50_us'] / least)
    if not m.get('p99_at_peer_rate_us') or not m.get('peer_p99_us'):
        return ''
    return 'At the highest rate of %s: p99 %.0f us, its own %.0f us (x %.2f).' % (
        NAMES[case.best], m['p99_at_peer_rate_us'], m['peer_p99_us'],
        m['p99_at_peer_rate_us'] / m['peer_p99_us'])


def table(cases, limits):
    lines = []
    for case in cases:
        lines.append('%s (answers of %d bytes)' % (case.title(), case.echo_bytes))
        for row in [HEAD] + [cells(n, m) for n, m in case.medians.items()]:
            lines.append('  %-14s' % row[0] + ''.join('%13s' % c for c in row[1:]))
        if words(case, limits):
            lines.append('  ' + words(case, limits))
        lines.append('')
    return '\n'.join(lines)


def bars(case):
    """Requests a second of each system, on one scale; the limit would dwarf them."""
    medians = [(name, m) for name, m in case.medians.items() if name[:4] != 'echo']
    most = max(m['ops_per_second'] for _, m in medians) or 1
    out = ['<svg viewBox="0 0 760 %d" role="img" aria-label="%s">' % (
        26 * len(medians) + 4, html.escape(case.title()))]
    for i, (name, m) in enumerate(medians):
        width = max(1, 430 * m['ops_per_second'] / most)
        out.append('<text x="118" y="%d" text-anchor="end">%s</text>'
                   '<rect x="126" y="%d" width="%.1f" height="18" rx="2" fill="%s"/>'
                   '<text x="%.1f" y="%d">%s/s%s</text>' % (
                       26 * i + 18, NAMES[name], 26 * i + 4, width, COLOURS[name],
                       132 + width, 26 * i + 18, '{:,.0f}'.format(m['ops_per_second']),
                       ' · %s × best peer' % ratio(m['ratio_to_best_peer'])
                       if name == 'kith' and m['ratio_to_best_peer'] else ''))
        for run in m['runs']:                   # how far the runs lie apart
            x = 126 + 430 * run / most
            out.append('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>' % (x, x, 26 * i + 4,
                                                                        26 * i + 22))
    return ''.join(out + ['</svg>'])


STYLE = '''body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1c2126;background:#fff}h2{font-size:1.05rem;margin:2.2rem 0 .4rem}table{border-collapse:
collapse;width:100%;font-variant-numeric:tabular-nums}th,td{text-align:right;padding:.15rem .5rem;
border-bottom:1px solid #dde1e5}th:first-child,td:first-child{text-align:left}th{font-weight:600}
svg{width:100%;height:auto;font-size:12px;margin-bottom:.4rem}svg text{fill:#1c2126}svg line{stroke:
#1c2126;stroke-opacity:.5}.kith td{font-weight:600}small,.env{color:#59626b}
@media(prefers-color-scheme:dark){body{color:#e6e8ea;background:#15181b}svg text{fill:#e6e8ea}
svg line{stroke:#e6e8ea}th,td{border-color:#343a40}small,.env{color:#9aa3ab}}'''


def section(case, limits):
    rows = ''.join('<tr class="%s">%s</tr>' % (n, ''.join('<td>%s</td>' % c for c in cells(n, m)))
                   for n, m in case.medians.items())
    head = ''.join('<th>%s</th>' % h.replace(' us', ' µs').replace('x ', '× ') for h in HEAD)
    said = words(case, limits).replace(' us', ' µs').replace(' x ', ' × ').replace('(x', '(×')
    return '<h2>%s</h2>%s<table><tr>%s</tr>%s</table><small>Answers of %d bytes. %s</small>' % (
        html.escape(case.title()), bars(case), head, rows, case.echo_bytes, html.escape(said))


# ---- what is no case ----------------------------------------------------------------------------

def cores_words(c):
    return ['in process, two threads against one: applies x %.2f (%.0f/s to %.0f/s), pages x %.2f '
            '(%.0f/s to %.0f/s)' % (
                c['applies_ratio'], c['applies_one_per_second'], c['applies_two_per_second'],
                c['reads_ratio'], c['reads_one_per_second'], c['reads_two_per_second']),
            'by processor time, which others on the machine do not take: applies x %.2f, pages '
            'x %.2f' % (c['applies_cpu_ratio'], c['reads_cpu_ratio'])]


def beside(found):
    """Of what was measured beside the cases: a title and lines each."""
    words = {'restart': storage.restart_words, 'memory': storage.memory_words,
             'cores': cores_words}
    return [(name, words[name](figures)) for name, figures in found.items()]


def texts(sections):
    return '\n'.join('%s\n%s\n' % (name, '\n'.join('  ' + line for line in lines))
                     for name, lines in sections)


# ---- the page -----------------------------------------------------------------------------------

Whole = collections.namedtuple('Whole', 'cases limits sections about options')


def write_html(path, w):
    o = w.options
    limit_rows = ''.join('<tr><td>%s</td><td>%s</td></tr>' % (n, '{:,.1f}'.format(v))
                         for n, v in w.limits.get('figures', {}).items())
    body = [
        '<!doctype html><meta charset="utf-8"><title>Kith compared</title>',
        '<meta name="viewport" content="width=device-width"><style>%s</style>' % STYLE,
        '<h1>Kith beside Redis, PostgreSQL and memcached</h1>',
        '<p class="env">%s</p>' % '<br>'.join(html.escape(s) for s in about.lines(w.about)),
        '<p class="env">%s users, %s follows each, %s posts; medians of %d runs of %g s, a '
        'thin line for each run; generator and server share the machine. Closed loop: throughput '
        'is meant; latency is compared at a rate, below feed and mixed.</p>' % (
            o.users, o.follows, o.posts, o.runs, o.duration),
        *(section(case, w.limits) for case in w.cases),
        *('<h2>%s</h2><pre>%s</pre>' % (name, html.escape('\n'.join(lines)))
          for name, lines in w.sections),
        '<h2>What the machine can do</h2><table>%s</table>' % limit_rows,
    ]
    with open(path, 'w') as f:
        f.write('\n'.join(body))
