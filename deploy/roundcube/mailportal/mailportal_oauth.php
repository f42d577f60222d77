<?php

use GuzzleHttp\Client;

/**
 * Roundcube 1.6's single sign-on, with what the portal asks for and 1.6 leaves out: PKCE (S256), a
 * state that has to be there, and the end of the tokens with the session.
 */
class mailportal_oauth extends rcmail_oauth
{
    /** Stands in for Roundcube's own, which goes on renewing tokens. */
    public static function take_over($rcmail)
    {
        $own = $rcmail->oauth;
        $rcmail->oauth = new self();
        $rcmail->plugins->unregister_hook('unauthenticated', [$own, 'unauthenticated']);
        foreach (['unauthenticated', 'logout_after', 'login_failed'] as $hook) {
            $rcmail->plugins->register_hook($hook, [$rcmail->oauth, $hook]);
        }
        $rcmail->plugins->register_hook('session_destroy', [$rcmail->oauth, 'end_tokens']);
    }

    /** Leads to the portal. */
    public function login_redirect()
    {
        $verifier = self::unguessable();
        $_SESSION['mailportal_verifier'] = $verifier;
        $this->options['auth_parameters'] = [
            'code_challenge' => self::url_safe(hash('sha256', $verifier, true)),
            'code_challenge_method' => 'S256',
        ] + (array) $this->options['auth_parameters'];
        parent::login_redirect();
    }

    /** Exchanges the code with which somebody comes back for tokens. */
    public function request_access_token($code, $state = null)
    {
        $verifier = $_SESSION['mailportal_verifier'] ?? '';
        $expected = $_SESSION['oauth_state'] ?? '';
        $this->rcmail->session->remove('mailportal_verifier');
        $this->rcmail->session->remove('oauth_state');
        if ($verifier === '' || $expected === '' || !hash_equals($expected, (string) $state)) {
            return $this->failed('this browser was not sent to the portal');
        }
        try {
            $client = new Client(['timeout' => 10.0, 'verify' => $this->options['verify_peer']]);
            $answer = $client->post($this->options['token_uri'], ['form_params' => [
                'grant_type' => 'authorization_code',
                'client_id' => $this->options['client_id'],
                'client_secret' => $this->options['client_secret'],
                'redirect_uri' => $this->get_redirect_uri(),
                'code' => $code,
                'code_verifier' => $verifier,
            ]]);
            $token = json_decode((string) $answer->getBody(), true);
            $authorization = $token['token_type'] . ' ' . $token['access_token'];
            $answer = $client->get($this->options['identity_uri'], ['headers' => [
                'Authorization' => $authorization,
                'Accept' => 'application/json',
            ]]);
            $identity = json_decode((string) $answer->getBody(), true);
        } catch (Exception $error) {
            return $this->failed(get_class($error) . ' ' . $error->getCode());
        }
        $this->mask_auth_data($token);
        unset($token['id_token']);
        return [
            'username' => $identity['email'],
            'authorization' => $authorization,
            'token' => $token,
        ];
    }

    /** Tells the portal that a session is over. */
    public function end_tokens($session)
    {
        $revoked = $this->rcmail->config->get('mailportal_revoke_uri');
        $refresh = $_SESSION['oauth_token']['refresh_token'] ?? null;
        if ($revoked && $refresh) {
            try {
                $client = new Client(['timeout' => 3.0, 'verify' => $this->options['verify_peer']]);
                $client->post($revoked, ['form_params' => [
                    'client_id' => $this->options['client_id'],
                    'client_secret' => $this->options['client_secret'],
                    'token' => $this->rcmail->decrypt($refresh),
                ]]);
            } catch (Exception $error) {
                // They run out by themselves.
                $this->failed(get_class($error) . ' ' . $error->getCode());
            }
        }
        return $session;
    }

    private function failed($why)
    {
        $this->last_error = 'single sign-on: ' . $why;
        $this->no_redirect = true;
        rcube::raise_error(
            ['message' => $this->last_error, 'file' => __FILE__, 'line' => __LINE__],
            true,
            false
        );
        return false;
    }

    private static function unguessable()
    {
        return self::url_safe(random_bytes(32));
    }

    private static function url_safe($bytes)
    {
        return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    }
}
