package Sundown::Check;

# Will this Perl survive the server's next change of TLS?
#
# Asks a server's /ssl/ what it thinks of this client, says the same of this Perl's own TLS library, and names the fix.
# Perl 5.10 and later. Perl's core has no TLS of its own: IO::Socket::SSL is what LWP and HTTP::Tiny speak TLS by, too.
#
#   my $answer = Sundown::Check::check('https://api.example.com');
#   $answer->{verdict};    # ok, at-risk, blocked, refused or unknown

use strict;
use warnings;

use B ();
use Encode ();
use IO::Socket::SSL ();
use JSON::PP ();
use Net::SSLeay ();
use POSIX ();
use Time::HiRes ();

our $VERSION = '0.1.0';
our %EXIT = (ok => 0, 'at-risk' => 1, blocked => 1, refused => 1, unknown => 2);
my @SURVIVES = (JSON::PP::true, JSON::PP::false, undef);

my $RUNTIME = sprintf 'Perl %vd', $^V;
my $LIBRARY = Net::SSLeay::SSLeay_version();

# An answer of /ssl/ has a few KiB.
my $LONGEST_ANSWER = 1 << 20;
# An advice is a few sentences, a plan has a few sunsets.
my $LONGEST_TEXT = 2000;
my $LONGEST_LIST = 32;

my $URL = qr{\Ahttps://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?((?:[/?][!-~]*)?)\z}i;
# What steers a terminal or reorders a line (Unicode TR 9).
my $STEERING = qr/[\x{00}-\x{1f}\x{7f}-\x{9f}\x{200e}\x{200f}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]+/;
my $EXPLANATION = 'urn:sundown:problem:tls-floor';

# OpenSSL's names for alerts 70, 71 and 40 (RFC 8446 section 6.2).
my @ALERTS = (
    [protocol_version => qr/alert[ _]protocol[ _]version/i],
    [insufficient_security => qr/alert[ _]insufficient[ _]security/i],
    [handshake_failure => qr/alert[ _]handshake[ _]failure/i],
);
my $UNTRUSTED = qr/certificate verify failed|hostname verification failed/i;
my $OWN_REFUSAL = qr/no protocols available|no ciphers available/i;

my %SUMMARIES = (
    ok => 'this client meets every floor of the server',
    'at-risk' => 'this client is served today and misses a floor',
    blocked => q{the server turns this client's requests away},
);

# Asks the URL (its /ssl/ where it names no path) and returns the answer, a hash reference. Never dies.
#
# `ca` is a PEM file of the authorities to trust instead of the system's, `timeout` the seconds that all of it may take.
sub check {
    my ($url, %options) = @_;
    my $timeout = $options{timeout} || 10;
    my %answer = (
        url => substr(_line($url), 0, 200), verdict => 'unknown', survives => undef, summary => undef,
        own => { runtime => $RUNTIME, library => $LIBRARY, protocol => undef, cipher => undef },
        server => undef, differs => undef, floors => [], alert => undef, fix => undef, contact => undef, error => undef,
    );
    my $late = sub { _unable("no complete answer within $timeout s") };
    # Unsafe signals: a safe one waits for the end of the look-up of a name.
    my $before = POSIX::SigAction->new;
    my $action = POSIX::SigAction->new($late, POSIX::SigSet->new, 0);
    POSIX::sigaction(POSIX::SIGALRM(), $action, $before);
    my $done = eval {
        Time::HiRes::alarm($timeout);
        _ask(\%answer, $url, $options{ca}, $timeout);
        1;
    };
    my $error = $@;
    Time::HiRes::alarm(0);
    POSIX::sigaction(POSIX::SIGALRM(), $before);
    if (!$done) {
        $answer{verdict} = 'unknown';
        @answer{qw(summary error)} = ref $error eq 'ARRAY' ? @$error : ('the check itself failed', "$error");
    }
    $answer{error} = _line($answer{error}) if defined $answer{error};
    $answer{survives} = $SURVIVES[$EXIT{$answer{verdict}}];
    return \%answer;
}

# Why the answer is `unknown`, and what the library said.
sub _unable {
    my ($summary, $said) = @_;
    die [$summary, $said];
}

sub _ask {
    my ($answer, $url, $ca, $timeout) = @_;
    my ($host, $port, $path) = _target($url);
    my $place = $port == 443 ? $host : "$host:$port";
    $answer->{url} = "https://$place$path";
    (my $bare = $host) =~ tr/[]//d;
    my %trust = _trust($ca);
    my $socket = _connect($bare, $port, $place, $timeout);
    my $is_name = $bare =~ /[^\d.:]/ && $bare !~ /:/;
    my $secured = IO::Socket::SSL->start_SSL(
        $socket, %trust,
        SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_PEER(),
        SSL_verifycn_scheme => 'http', SSL_verifycn_name => $bare, ($is_name ? (SSL_hostname => $bare) : ()),
    );
    return if !$secured && !_not_secured($answer, "$IO::Socket::SSL::SSL_ERROR $!");
    my $version = $secured->can('get_sslversion') ? $secured->get_sslversion : undef;
    # It says TLSv1_2 where everybody else says TLSv1.2.
    $version =~ tr/_/./ if defined $version;
    @{$answer->{own}}{qw(protocol cipher)} = ($version, scalar $secured->get_cipher);
    my ($head, $body) = _exchange($secured, $place, $path);
    _read($answer, $head, $body);
    return;
}

sub _target {
    my ($url) = @_;
    _unable('the URL is plain HTTP; write https:// to check TLS') if $url =~ m{\Ahttp://}i;
    my ($host, $port, $path) = $url =~ $URL;
    $port = 443 if defined $host && !defined $port;
    _unable('the URL is not one to check; write https://host[:port][/path]') if !$port || $port > 65_535;
    $path =~ s/#.*//;
    $path =~ s{\A\?}{/?};
    $path = '/ssl/' if $path eq q{} || $path eq q{/};
    return (lc $host, $port + 0, $path);
}

sub _trust {
    my ($ca) = @_;
    return if !defined $ca;
    my $text = q{};
    if (open my $file, '<', $ca) {
        read $file, $text, $LONGEST_ANSWER;
        close $file;
    }
    _unable('the file of authorities cannot be read', "no certificate in $ca") if $text !~ /-----BEGIN /;
    return (SSL_ca_file => $ca);
}

sub _connect {
    my ($host, $port, $place, $timeout) = @_;
    # The class that IO::Socket::SSL builds on: the one for IPv6 where that is there.
    my $class = $IO::Socket::SSL::ISA[0];
    my $socket = $class->new(PeerHost => $host, PeerAddr => $host, PeerPort => $port, Proto => 'tcp', Timeout => $timeout)
        or _unable("cannot reach $place", $@ || "$!");
    $socket->blocking(1);
    return $socket;
}

# The library's words for a handshake that failed, turned into the answer they stand for.
sub _not_secured {
    my ($answer, $said) = @_;
    _unable(q{the server's certificate is not trusted; --ca FILE names an authority to trust}, $said) if $said =~ $UNTRUSTED;
    if ($said =~ $OWN_REFUSAL) {
        $answer->{fix} = _fix('protocol_version', $answer->{url});
        _unable('this runtime refuses by itself, before the server can', $said);
    }
    for (@ALERTS) {
        my ($alert, $pattern) = @$_;
        next if $said !~ $pattern;
        @$answer{qw(alert verdict error fix)} = ($alert, 'refused', $said, _fix($alert, $answer->{url}));
        $answer->{summary} = _refusal($alert) . "; this runtime's library is $LIBRARY";
        return 0;
    }
    _unable('the handshake failed', $said);
    return;
}

sub _refusal {
    my ($alert) = @_;
    return $alert eq 'protocol_version'
        ? 'the server needs a later TLS version than this client offers'
        : 'the server accepts no cipher suite or group that this client offers';
}

sub _fix {
    my ($alert, $url) = @_;
    my ($summary, $snippet);
    if ($alert ne 'protocol_version') {
        $summary = 'Remove SSL_cipher_list from code and CipherString from the file that OPENSSL_CONF names, or build '
            . 'Net::SSLeay on a current OpenSSL.';
    }
    elsif (Net::SSLeay::SSLeay() < 0x10001000) {
        $summary = "Net::SSLeay is linked with $LIBRARY, which ends at TLSv1, and no setting changes that: build it on a "
            . 'current OpenSSL, and update IO::Socket::SSL.';
    }
    else {
        $summary = "$LIBRARY offers TLSv1.2 and later unless something holds it to less: search code for SSL_version and "
            . 'set_defaults, the environment for PERL_NET_HTTPS_SSL_SOCKET_CLASS and PERL5OPT, and the file that OPENSSL_CONF '
            . 'names for MaxProtocol; remove the line. For TLSv1.3 it takes OpenSSL 1.1.1 or later.';
        $snippet = q{grep -rnE 'SSL_version|SSLv23|TLSv1(_1)?\b' . --include='*.p[lm]'};
    }
    return { summary => $summary, snippet => $snippet, verify => "sundown-check $url" };
}

# HTTP/1.0, so that the answer is never chunked.
sub _exchange {
    my ($socket, $place, $path) = @_;
    (my $agent = $RUNTIME) =~ tr{ }{/};
    local $SIG{PIPE} = 'IGNORE';
    $socket->print("GET $path HTTP/1.0\r\nHost: $place\r\nAccept: application/json\r\nConnection: close\r\n"
        . "User-Agent: sundown-check/$VERSION $agent\r\n\r\n");
    my $all = q{};
    while (!_is_complete($all)) {
        my $length = $socket->sysread($all, 16_384, length $all);
        _unable('the connection ended before the answer was complete', "$IO::Socket::SSL::SSL_ERROR $!") if !defined $length;
        last if $length == 0;
        _unable('the answer is longer than 1 MiB') if length $all > $LONGEST_ANSWER;
    }
    return _split($all);
}

sub _split {
    my ($all) = @_;
    _unable('the answer is not HTTP') if length $all && $all !~ m{\AHTTP/1\.[01] [0-9]{3}\b};
    my ($head, $body) = split /\r\n\r\n/, $all, 2;
    my $length = _field($head, 'content-length');
    my $expected = defined $length && $length =~ /\A[0-9]+\z/ ? $length : 0;
    if (!defined $body || length $body < $expected) {
        _unable('the connection ended before the answer was complete');
    }
    return ($head, $body);
}

sub _is_complete {
    my ($all) = @_;
    my $end = index $all, "\r\n\r\n";
    my $length = $end < 0 ? undef : _field(substr($all, 0, $end), 'content-length');
    return defined $length && $length =~ /\A[0-9]+\z/ && length $all >= $end + 4 + $length;
}

sub _field {
    my ($head, $name) = @_;
    return defined $head && $head =~ /\r\n\Q$name\E:[ \t]*([^\r\n]*)/i ? $1 : undef;
}

# What the server says of this connection: an answer of /ssl/, an explanation, or the header that warns.
sub _read {
    my ($answer, $head, $body) = @_;
    my $told = eval { JSON::PP->new->max_depth(128)->decode(Encode::decode('UTF-8', $body)) };
    $told = {} if ref $told ne 'HASH';
    my $status = substr $head, 9, 3;
    my $notice = _field($head, 'sundown-notice');
    if (_is_text($told->{type}) && $told->{type} eq $EXPLANATION) {
        _explained($answer, $told);
    }
    elsif (defined _text($told, 'protocol')) {
        _answered($answer, $told);
    }
    elsif (defined $notice) {
        _noticed($answer, $status, _line($notice));
    }
    else {
        my $kind = _field($head, 'content-type');
        $kind = 'no content type' if !defined $kind || $kind eq q{};
        $kind =~ s/;.*//;
        $kind = _line($kind);
        _unable("the server does not say how it sees this client (HTTP $status, $kind)");
    }
    _compare($answer, $told->{cipher_iana});
    return;
}

sub _answered {
    my ($answer, $told) = @_;
    my $client = ref $told->{client} eq 'HASH' ? $told->{client} : {};
    my @names = grep { defined } map { _text($client, $_) } qw(runtime version library);
    $answer->{server} = _seen($told);
    $answer->{server}{client} = @names ? join(', ', @names) : undef;
    $answer->{server}{report} = _text($told, 'report');
    for my $floor (grep { ref eq 'HASH' } _list($told, 'floors')) {
        push @{$answer->{floors}}, _floor($floor);
        if (($answer->{floors}[-1]{verdict} || q{}) eq 'misses' && !defined $answer->{contact}) {
            $answer->{contact} = _text($floor, 'contact');
        }
    }
    $answer->{fix} = _advice($told);
    if (_is_text($told->{verdict}) && $SUMMARIES{$told->{verdict}}) {
        _conclude($answer, $told->{verdict});
    }
    else {
        $answer->{summary} = 'the server gives no verdict';
    }
    return;
}

sub _explained {
    my ($answer, $told) = @_;
    $answer->{server} = _seen(ref $told->{seen} eq 'HASH' ? $told->{seen} : {});
    $answer->{floors} = [_floor({ sunset => $told->{sunset}, verdict => 'misses', needed => $told->{needed} })];
    $answer->{contact} = _text($told, 'contact');
    $answer->{fix} = _advice($told);
    _conclude($answer, 'blocked');
    return;
}

sub _noticed {
    my ($answer, $status, $notice) = @_;
    my %fields = $notice =~ /([a-z-]+)="([^"]*)"/g;
    $answer->{server} = _seen({
        protocol => $fields{seen}, cipher => $fields{'seen-cipher'}, group => $fields{'seen-group'},
    });
    my @needed = grep { defined } @fields{qw(needed needed-cipher needed-group)};
    $answer->{floors} = [_floor({ verdict => 'misses', needed => \@needed })];
    _conclude($answer, $status >= 400 ? 'blocked' : 'at-risk');
    return;
}

sub _conclude {
    my ($answer, $verdict) = @_;
    @$answer{qw(verdict summary)} = ($verdict, $SUMMARIES{$verdict});
    return;
}

sub _seen {
    my ($told) = @_;
    return { (map { $_ => _text($told, $_) } qw(protocol cipher group)), client => undef, report => undef };
}

sub _floor {
    my ($told) = @_;
    my $next = ref $told->{next} eq 'HASH' ? $told->{next} : {};
    my %next = map { $_ => _text($next, $_) } qw(phase at);
    return {
        (map { $_ => _text($told, $_) } qw(name sunset phase verdict exception_until)),
        (map { $_ => [map { _line($_) } grep { _is_text($_) } _list($told, $_)] } qw(because needed)),
        next => defined $next{phase} && defined $next{at} ? \%next : undef,
    };
}

sub _advice {
    my ($told) = @_;
    my $advice = $told->{advice};
    return if ref $advice ne 'HASH' || !defined _text($advice, 'summary');
    my $snippet = $advice->{snippet};
    $snippet = _is_text($snippet) ? join "\n", map { _line($_) } split /\n/, substr $snippet, 0, $LONGEST_TEXT : undef;
    return { summary => _text($advice, 'summary'), snippet => $snippet, verify => _text($advice, 'verify') };
}

# Whether the server saw another connection than the one that was made here.
sub _compare {
    my ($answer, $iana) = @_;
    my ($own, $server) = @$answer{qw(own server)};
    my @differs;
    if (defined $own->{protocol} && defined $server->{protocol}) {
        push @differs, $own->{protocol} ne $server->{protocol};
    }
    if (defined $own->{cipher} && defined $server->{cipher}) {
        my ($here, @there) = ($own->{cipher}, $server->{cipher}, _is_text($iana) ? $iana : ());
        s/\AEDH-/DHE-/ for $here, @there;
        push @differs, !grep { $_ eq $here } @there;
    }
    $answer->{differs} = (grep { $_ } @differs) ? JSON::PP::true : JSON::PP::false if @differs;
    return;
}

# A string; a number of JSON is none.
sub _is_text {
    my ($value) = @_;
    return defined $value && !ref $value && (B::svref_2object(\$value)->FLAGS & B::SVf_POK()) != 0;
}

sub _text {
    my ($told, $name) = @_;
    my $value = _is_text($told->{$name}) ? _line($told->{$name}) : q{};
    return $value eq q{} ? undef : $value;
}

sub _list {
    my ($told, $name) = @_;
    my @list = ref $told->{$name} eq 'ARRAY' ? @{$told->{$name}} : ();
    return @list > $LONGEST_LIST ? @list[0 .. $LONGEST_LIST - 1] : @list;
}

sub _line {
    my ($text) = @_;
    $text = Encode::decode('UTF-8', $text) if !utf8::is_utf8($text);
    $text = substr $text, 0, $LONGEST_TEXT;
    $text =~ s/$STEERING/ /g;
    $text =~ s/\A\s+|\s+\z//g;
    return $text;
}

# The answer as lines for people.
sub render {
    my ($answer) = @_;
    my ($own, $server, $fix) = @$answer{qw(own server fix)};
    my @lines = ([url => $answer->{url}], [runtime => "$own->{runtime}, $own->{library}"]);
    my @here = grep { defined } @$own{qw(protocol cipher)};
    push @lines, [here => join ', ', @here] if @here;
    push @lines, [server => join ', ', grep { defined } @$server{qw(protocol cipher group)}] if $server;
    if ($answer->{differs}) {
        push @lines, [between => 'something between this client and the server re-encrypts; the fix is due there'];
    }
    push @lines, map { [floor => _floor_line($_)] } @{$answer->{floors}};
    push @lines, [verdict => "$answer->{verdict}: $answer->{summary}"];
    push @lines, [error => $answer->{error}] if defined $answer->{error};
    if ($fix) {
        push @lines, [fix => $fix->{summary}];
        push @lines, map { [q{} => $_] } grep { length } split /\n/, defined $fix->{snippet} ? $fix->{snippet} : q{};
        push @lines, [verify => $fix->{verify}] if defined $fix->{verify};
    }
    push @lines, [help => $answer->{contact}] if defined $answer->{contact};
    push @lines, [report => $server->{report}] if $server && defined $server->{report};
    return join "\n", map { sprintf '%-8s %s', @$_ } @lines;
}

sub _floor_line {
    my ($floor) = @_;
    my ($name) = grep { defined } @$floor{qw(name sunset)}, q{the server's};
    $name = "$floor->{name} ($floor->{sunset})" if defined $floor->{name} && defined $floor->{sunset};
    my $verdict = defined $floor->{verdict} ? $floor->{verdict} : 'unknown';
    return "$name: meets" if $verdict eq 'meets';
    my @parts = ($verdict, @{$floor->{because}});
    push @parts, 'needs ' . join ', ', @{$floor->{needed}} if @{$floor->{needed}};
    if (defined $floor->{exception_until}) {
        push @parts, "excepted until $floor->{exception_until}";
    }
    elsif ($floor->{next}) {
        push @parts, "$floor->{next}{phase} from $floor->{next}{at}";
    }
    return "$name: " . join '; ', @parts;
}

1;
