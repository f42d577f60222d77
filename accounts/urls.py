"""The addresses of people's pages: a contract, other people's scripts use them."""

from django.urls import path

from accounts.access import mail_policy_views, passkey_views, second_factor_views
from accounts.access import views as access_views
from accounts.activation import staff_views as slip_views
from accounts.activation import views as activation_views
from accounts.api import staff_views as program_views
from accounts.campaigns import password_views, phone_views
from accounts.campaigns import views as campaign_views
from accounts.custody import views as custody_views
from accounts.home import views as home_views
from accounts.hooks import views as hook_views
from accounts.hotline import caller_views, decisions
from accounts.hotline import views as hotline_views
from accounts.leaving import views as leaving_views
from accounts.personal_data import staff_views as data_request_views
from accounts.personal_data import views as data_views
from accounts.removal import views as removal_views
from accounts.reports import views as report_views
from accounts.self_service import (
    app_password_views,
    code_way_views,
    device_views,
    factor_views,
    recovery_views,
    settings_views,
)

app_name = "accounts"

urlpatterns = [
    path("", settings_views.home, name="home"),
    path("dang-nhap/", access_views.log_in, name="login"),
    path("dang-nhap/yeu-to-thu-hai/", second_factor_views.ask_second_factor, name="second-factor"),
    path("dang-nhap/yeu-to-thu-hai/cai-dat/", second_factor_views.enrol, name="enrol"),
    path("dang-xuat/", access_views.log_out, name="logout"),
    path(mail_policy_views.ADDRESS.lstrip("/"), mail_policy_views.auth_policy, name="auth-policy"),
    path("dang-nhap/o-lai/", access_views.stay, name="stay"),
    path("quen-mat-khau/", recovery_views.reset, name="reset"),
    path("quen-mat-khau/xac-thuc/", recovery_views.reset_code, name="reset-code"),
    path("quen-mat-khau/xac-thuc-hai-lop/", recovery_views.reset_factor, name="reset-factor"),
    path("quen-mat-khau/mat-khau-moi/", recovery_views.reset_password, name="reset-password"),
    path("kich-hoat/", activation_views.start, name="activate"),
    path("kich-hoat/so-dien-thoai/", activation_views.number, name="activate-number"),
    path("kich-hoat/xac-thuc/", activation_views.code, name="activate-code"),
    path("kich-hoat/mat-khau/", activation_views.password, name="activate-password"),
    path("cau-hinh/", settings_views.settings_menu, name="settings"),
    path("cau-hinh/thong-tin/", settings_views.profile, name="profile"),
    path("cau-hinh/nhac-so-dien-thoai/", settings_views.phone_asked, name="phone-asked"),
    path("cau-hinh/thong-tin/<str:address>/", settings_views.phone, name="phone"),
    path(
        "cau-hinh/thong-tin/<str:address>/xac-thuc/", settings_views.phone_code, name="phone-code"
    ),
    path(
        "cau-hinh/thong-tin/<str:address>/xac-nhan-lai/",
        settings_views.phone_again,
        name="phone-again",
    ),
    path("cau-hinh/cach-nhan-ma/", code_way_views.code_way, name="code-way"),
    path("cau-hinh/mat-khau/", settings_views.password, name="password"),
    path("cau-hinh/hoat-dong/", settings_views.activity, name="activity"),
    path(
        "cau-hinh/hoat-dong/thiet-bi/<int:pk>/bo/", device_views.forget_device, name="forget-device"
    ),
    path(
        "cau-hinh/hoat-dong/thiet-bi/<int:pk>/khong-phai-toi/",
        device_views.disown_device,
        name="disown-device",
    ),
    path("cau-hinh/hoat-dong/nhan-tin/", device_views.new_device_sms, name="new-device-sms"),
    path("cau-hinh/du-lieu/", data_views.my_data, name="my-data"),
    path("cau-hinh/du-lieu/tep/", data_views.my_data_file, name="my-data-file"),
    path("cau-hinh/du-lieu/yeu-cau/", data_views.make_request, name="make-data-request"),
    path(
        "cau-hinh/du-lieu/yeu-cau/<int:pk>/rut/",
        data_views.withdraw_request,
        name="withdraw-data-request",
    ),
    path("cau-hinh/xac-thuc-hai-lop/", second_factor_views.factor, name="factor"),
    path("cau-hinh/xac-thuc-hai-lop/passkey/", passkey_views.add_passkey, name="add-passkey"),
    path(
        "cau-hinh/xac-thuc-hai-lop/passkey/<int:pk>/bo/",
        factor_views.remove_passkey,
        name="remove-passkey",
    ),
    path("cau-hinh/xac-thuc-hai-lop/tat/", factor_views.turn_off_factor, name="turn-off-factor"),
    path("cau-hinh/mat-khau-ung-dung/", app_password_views.app_passwords, name="app-passwords"),
    path(
        "cau-hinh/mat-khau-ung-dung/<int:pk>/huy/",
        app_password_views.end_app_password,
        name="end-app-password",
    ),
    path("ho-tro/", hotline_views.search, name="desk"),
    path("ho-tro/huong-dan/", home_views.hotline_guide, name="hotline-guide"),
    path("ho-tro/doi-so/", decisions.waiting, name="waiting"),
    path("ho-tro/doi-so/<int:pk>/", decisions.decide, {"kind": decisions.PHONE}, name="decide"),
    path(
        "ho-tro/bo-xac-thuc/<int:pk>/",
        decisions.decide,
        {"kind": decisions.FACTOR},
        name="decide-factor",
    ),
    path("ho-tro/dia-chi/<str:key>/", hotline_views.unknown, name="unknown"),
    path("ho-tro/tai-khoan/<int:pk>/", hotline_views.person, name="person"),
    path("ho-tro/tai-khoan/<int:pk>/hien-so/", hotline_views.reveal, name="reveal"),
    path("ho-tro/tai-khoan/<int:pk>/de-nghi-doi-so/", hotline_views.propose, name="propose"),
    path("ho-tro/tai-khoan/<int:pk>/doi-chieu/", caller_views.check_caller, name="check-caller"),
    path(
        "ho-tro/tai-khoan/<int:pk>/doi-chieu/nhan-tin/",
        caller_views.send_words,
        name="send-caller-words",
    ),
    path("ho-tro/tai-khoan/<int:pk>/<slug:slug>/", hotline_views.act, name="act"),
    path("quan-tri/huong-dan/", home_views.unit_guide, name="unit-guide"),
    path("quan-tri/bao-cao/", report_views.reports, name="reports"),
    path("quan-tri/bao-cao/<slug:table>.csv", report_views.reports_file),
    path("quan-tri/bao-cao/don-vi/<int:unit>/", report_views.reports, name="unit-report"),
    path("quan-tri/bao-cao/don-vi/<int:unit>/<slug:table>.csv", report_views.reports_file),
    path("quan-tri/bao-cao/ma/", report_views.code_report, name="code-report"),
    path("quan-tri/bao-cao/ma/<slug:table>.csv", report_views.code_report_file),
    path("quan-tri/bao-cao/ho-tro/", report_views.help_report, name="help-report"),
    path("quan-tri/bao-cao/ho-tro/<slug:table>.csv", report_views.help_report_file),
    path("quan-tri/nghi-viec/", leaving_views.departures, name="departures"),
    path("quan-tri/nghi-viec/moi/", leaving_views.plan, name="plan-departure"),
    path("quan-tri/nghi-viec/<int:pk>/huy/", leaving_views.call_off, name="call-off-departure"),
    path("quan-tri/yeu-cau-du-lieu/", data_request_views.requests, name="data-requests"),
    path("quan-tri/yeu-cau-du-lieu/<int:pk>/", data_request_views.answer, name="data-request"),
    path("quan-tri/xoa/", removal_views.removals, name="removals"),
    path("quan-tri/xoa/moi/", removal_views.propose, name="propose-removal"),
    path("quan-tri/xoa/nghi-viec/", removal_views.propose_departed, name="remove-departed"),
    path(
        "quan-tri/xoa/chien-dich/<int:pk>/", removal_views.propose_campaign, name="remove-campaign"
    ),
    path("quan-tri/xoa/<int:pk>/", removal_views.removal, name="removal"),
    path("quan-tri/xoa/<int:pk>/nguoi/<int:member>/", removal_views.spare, name="spare"),
    path("quan-tri/xoa/<int:pk>/xac-nhan/", removal_views.confirm, name="confirm-removal"),
    path("quan-tri/xoa/<int:pk>/rut/", removal_views.withdraw, name="withdraw-removal"),
    path("quan-tri/phieu-kich-hoat/", slip_views.slips_given, name="slips"),
    path("quan-tri/phieu-kich-hoat/in/", slip_views.give, name="give-slips"),
    path("quan-tri/phieu-kich-hoat/<uuid:pk>/huy/", slip_views.take_back, name="end-slip"),
    path("quan-tri/chuong-trinh/", program_views.programs, name="programs"),
    path("quan-tri/chuong-trinh/webhook/", hook_views.hooks, name="hooks"),
    path("quan-tri/chuong-trinh/webhook/moi/", hook_views.make, name="make-hook"),
    path("quan-tri/chuong-trinh/webhook/<int:pk>/", hook_views.hook, name="hook"),
    path("quan-tri/chuong-trinh/webhook/<int:pk>/sua/", hook_views.edit, name="edit-hook"),
    path("quan-tri/chuong-trinh/webhook/<int:pk>/thu/", hook_views.ping, name="ping-hook"),
    path("quan-tri/chuong-trinh/webhook/<int:pk>/bat-tat/", hook_views.switch, name="switch-hook"),
    path(
        "quan-tri/chuong-trinh/webhook/<int:pk>/khoa-ky/",
        hook_views.replace_secret,
        name="replace-hook-secret",
    ),
    path("quan-tri/chuong-trinh/webhook/<int:pk>/huy/", hook_views.end, name="end-hook"),
    path("quan-tri/chuong-trinh/moi/", program_views.admit, name="admit-program"),
    path("quan-tri/chuong-trinh/<int:pk>/huy/", program_views.end, name="end-program"),
    path("quan-tri/hop-thu-to-chuc/", custody_views.mailboxes, name="mailboxes"),
    path(
        "quan-tri/hop-thu-to-chuc/danh-sach.csv",
        custody_views.mailboxes_file,
        name="mailboxes-file",
    ),
    path("quan-tri/hop-thu-to-chuc/<int:pk>/", custody_views.hand_over, name="hand-over"),
    path("quan-tri/chien-dich/", campaign_views.campaigns, name="campaigns"),
    path("quan-tri/chien-dich/moi/", password_views.plan, name="plan-campaign"),
    path("quan-tri/chien-dich/so-dien-thoai/moi/", phone_views.plan, name="plan-phones"),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/", phone_views.campaign, name="phone-campaign"
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/theo-don-vi.csv",
        phone_views.units_csv,
        name="phone-units-csv",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/nguoi/",
        phone_views.people,
        name="phone-people",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/nguoi.csv",
        phone_views.people_csv,
        name="phone-people-csv",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/nguoi.xlsx",
        phone_views.people_xlsx,
        name="phone-people-xlsx",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/phu-luc/",
        phone_views.annex,
        name="phone-annex",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/bat-dau/",
        phone_views.start,
        name="start-phones",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/dung/",
        phone_views.stop,
        name="stop-phones",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/chay-tiep/",
        phone_views.resume,
        name="resume-phones",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/nhac-ngay/",
        phone_views.remind,
        name="remind-phones",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/nguoi/<int:account>/mien/",
        phone_views.excuse,
        name="excuse-phone",
    ),
    path(
        "quan-tri/chien-dich/so-dien-thoai/<int:pk>/nguoi/<int:account>/thoi-mien/",
        phone_views.end_excuse,
        name="end-phone-excuse",
    ),
    path("quan-tri/chien-dich/<int:pk>/", password_views.campaign, name="campaign"),
    path(
        "quan-tri/chien-dich/<int:pk>/theo-don-vi.csv",
        password_views.units_csv,
        name="campaign-units-csv",
    ),
    path("quan-tri/chien-dich/<int:pk>/nguoi/", password_views.people, name="campaign-people"),
    path("quan-tri/chien-dich/<int:pk>/bat-dau/", password_views.start, name="start-campaign"),
    path(
        "quan-tri/chien-dich/<int:pk>/dong-y-khoa/",
        password_views.approve_lock,
        name="approve-lock",
    ),
    path(
        "quan-tri/chien-dich/<int:pk>/rut-dong-y/",
        password_views.withdraw_lock,
        name="withdraw-lock",
    ),
    path("quan-tri/chien-dich/<int:pk>/dung/", password_views.stop, name="stop-campaign"),
    path(
        "quan-tri/chien-dich/<int:pk>/de-nghi-xoa.csv",
        password_views.removal_list,
        name="removal-list",
    ),
]
