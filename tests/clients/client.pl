# Perl, LWP.
use strict;
use warnings;
use JSON::PP;
use LWP::UserAgent;

my %versions = ('TLSv1' => 'TLSv1', 'TLSv1.1' => 'TLSv1_1', 'TLSv1.2' => 'TLSv1_2', 'TLSv1.3' => 'TLSv1_3');

my ($url, $ca, $held, $method) = @ARGV;
my %options = (verify_hostname => 1, SSL_ca_file => $ca);
if (my $version = $versions{ $held // '-' }) {
    $options{SSL_version}     = $version;
    $options{SSL_cipher_list} = 'DEFAULT@SECLEVEL=0';
}
my $agent = LWP::UserAgent->new(ssl_opts => \%options, max_redirect => 0);
my @key = $ENV{API_KEY} ? ('X-Api-Key' => $ENV{API_KEY}) : ();
my $response = $agent->request(HTTP::Request->new($method // 'GET', $url, \@key));

my $answer;
# LWP reports a failed connection as an HTTP 500 of its own making, and marks it so.
if (($response->header('Client-Warning') // '') eq 'Internal response') {
    $answer = { ok => JSON::PP::false, error => $response->status_line . "\n" . $response->content, code => '' };
} else {
    # LWP files its own remarks (Client-Peer, Client-SSL-Cipher…) among the headers that came.
    my %headers = map { lc($_) => scalar $response->header($_) } grep { !/^Client-/ } $response->header_field_names;
    $answer = {
        ok      => JSON::PP::true,
        status  => $response->code + 0,
        reason  => $response->message,
        headers => \%headers,
        body    => $response->decoded_content,
    };
}
print JSON::PP->new->ascii->canonical->encode($answer), "\n";
