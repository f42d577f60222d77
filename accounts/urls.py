"""The addresses of people's pages: a contract, other people's scripts use them."""

from django.urls import path

from accounts import desk_views, factor_views, views

app_name = "accounts"

urlpatterns = [
    path("", views.home, name="home"),
    path("dang-nhap/", views.log_in, name="login"),
    path("dang-nhap/yeu-to-thu-hai/", factor_views.second_factor, name="second-factor"),
    path("dang-nhap/yeu-to-thu-hai/cai-dat/", factor_views.enrol, name="enrol"),
    path("dang-xuat/", views.log_out, name="logout"),
    path("quen-mat-khau/", views.reset, name="reset"),
    path("quen-mat-khau/xac-thuc/", views.reset_code, name="reset-code"),
    path("quen-mat-khau/mat-khau-moi/", views.reset_password, name="reset-password"),
    path("cau-hinh/", views.settings_menu, name="settings"),
    path("cau-hinh/thong-tin/", views.profile, name="profile"),
    path("cau-hinh/thong-tin/<str:address>/", views.phone, name="phone"),
    path("cau-hinh/thong-tin/<str:address>/xac-thuc/", views.phone_code, name="phone-code"),
    path("cau-hinh/mat-khau/", views.password, name="password"),
    path("cau-hinh/hoat-dong/", views.activity, name="activity"),
    path("cau-hinh/xac-thuc-hai-lop/", factor_views.factor, name="factor"),
    path("ho-tro/", desk_views.search, name="desk"),
    path("ho-tro/doi-so/", desk_views.waiting, name="waiting"),
    path("ho-tro/doi-so/<int:pk>/", desk_views.decide, name="decide"),
    path("ho-tro/dia-chi/<str:key>/", desk_views.unknown, name="unknown"),
    path("ho-tro/tai-khoan/<int:pk>/", desk_views.person, name="person"),
    path("ho-tro/tai-khoan/<int:pk>/hien-so/", desk_views.reveal, name="reveal"),
    path("ho-tro/tai-khoan/<int:pk>/de-nghi-doi-so/", desk_views.propose, name="propose"),
    path("ho-tro/tai-khoan/<int:pk>/<slug:slug>/", desk_views.act, name="act"),
]
