<?php

/**
 * Leads from Roundcube's log-in page to the portal, tells Dovecot whose browser is served, and
 * ends a session whose password is no longer right. With single sign-on (oauth_*) it proves to the
 * portal that the one who comes back is the one who was sent, and ends there what is ended here.
 *
 * Copy this directory to Roundcube's plugins/, and name it in its settings:
 * docs/roundcube.md.
 */
class mailportal extends rcube_plugin
{
    public function init()
    {
        $this->add_hook('template_object_loginform', [$this, 'add_link']);
        $this->add_hook('storage_connect', [$this, 'before_log_in']);
        $rcmail = rcmail::get_instance();
        // From 1.7 on Roundcube does this by itself.
        if ($rcmail->oauth->is_enabled() && version_compare(RCMAIL_VERSION, '1.7', '<')) {
            require_once __DIR__ . '/mailportal_oauth.php';
            mailportal_oauth::take_over($rcmail);
        }
    }

    /** Puts "Quên mật khẩu" below the form. */
    public function add_link($form)
    {
        $portal = rtrim(rcmail::get_instance()->config->get('mailportal_url', ''), '/');
        if ($portal !== '') {
            $link = html::a(['href' => $portal . '/quen-mat-khau/'], 'Quên mật khẩu');
            $form['content'] .= html::p(['style' => 'text-align: center'], $link);
        }
        return $form;
    }

    /** Is asked before each log-in to Dovecot, and once more after one that failed. */
    public function before_log_in($server)
    {
        if ($server['attempt'] > 1) {
            $this->end_session_of_old_password();
            $server['retry'] = false;
            return $server;
        }
        // For Dovecot's log, before it asks for the password (login_trusted_networks).
        $server['preauth_ident']['x-originating-ip'] = rcube_utils::remote_addr();
        $server['retry'] = true;
        return $server;
    }

    /** Leads to the log-in page whoever has been given a new password, or was locked. */
    private function end_session_of_old_password()
    {
        $rcmail = rcmail::get_instance();
        // A server that is away says something else; the session then goes on.
        $refused = strpos($rcmail->get_storage()->get_error_str(), 'Authentication failed') !== false;
        if ($refused && $rcmail->task !== 'login') {
            $rcmail->kill_session();
            $rcmail->output->redirect(['_task' => 'login', '_err' => 'session']);
        }
    }
}
