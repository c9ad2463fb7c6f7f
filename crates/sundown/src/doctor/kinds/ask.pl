# What this Perl's IO::Socket::SSL negotiates. Perl 5.8 and later.
use strict;
use warnings;

$| = 1;

sub say_ {
    my ($what, $said) = @_;
    $said = '' if !defined $said;
    $said =~ tr/\r\n/  /;
    print "sundown:$what $said\n";
}

sub call_ {
    my $name = $ENV{SUNDOWN_NAME};
    my $stream = IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1', PeerPort => $ENV{SUNDOWN_PORT},
        SSL_verify_mode => 1, SSL_verifycn_scheme => 'http', SSL_verifycn_name => $name,
        ($name =~ /[^\d.:]/ && $name !~ /:/ ? (SSL_hostname => $name) : ()),
        ($ENV{SUNDOWN_CA} ? (SSL_ca_file => $ENV{SUNDOWN_CA}) : ()),
    );
    return say_('error', "$IO::Socket::SSL::SSL_ERROR") if !$stream;
    if ($stream->can('get_sslversion')) {
        my $version = $stream->get_sslversion;
        $version =~ tr/_/./;
        say_('protocol', $version);
    }
    say_('cipher', $stream->get_cipher);
    return if !$ENV{SUNDOWN_REQUEST};
    print $stream $ENV{SUNDOWN_REQUEST};
    say_('answer', '');
    while (my $length = $stream->sysread(my $part, 16_384)) {
        print $part;
    }
}

say_('version', sprintf '%vd', $^V);
if (!eval { require IO::Socket::SSL; 1 }) {
    say_('error', 'IO::Socket::SSL is not installed, so this Perl speaks no TLS');
}
else {
    say_('library', Net::SSLeay::SSLeay_version(0));
    call_() if $ENV{SUNDOWN_PORT};
}
