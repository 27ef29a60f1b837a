"""What people call a secret, in common languages.

`WORDS` count as whole words, `PARTS` anywhere, also across blanks: a name may be written together,
apart or with dashes. Both are folded before use: lower case, accents taken off.
"""

WORDS = """
pin pins pwd passwd pswd psw secret secrets token tokens otp otps totp cvv cvv2 cvc cvc2
ssn ssns mfa credential credentials creds mnemonic jwt puk geheimnis geheimzahl
clave claves secreto secreta senha senhas segredo parola hasło hasła heslo hesla
lozinka geslo şifre şifresi jelszo jelszó пин пинкод секрет токен лозинка парола
κωδικός συνθηματικό السر sandi
"""

PARTS = """
password passwort passphrase passcode passord kennwort losungswort adgangskode lösenord
wachtwoord salasana tunnusluku contraseña contrasenya motdepasse codesecret códigosecreto
codicesegreto parolachiavesegreta parolaordine paroladordine palavrapasse
apikey apischlüssel apitoken
accesskey accesstoken authtoken secretkey secretaccess clientsecret privatekey
signingkey encryptionkey masterkey sshkey loginkey bearertoken refreshtoken sessiontoken
sessioncookie connectionstring cléapi clédapi cléprivée
clésecrète clavesecreta claveprivada chaveprivada
chavesecreta geheimerschlüssel privaterschlüssel zugangscode geheimcode
recoveryphrase recoverycode recoverykey seedphrase seedwords secretphrase secretword backupcode
walletseed wiederherstellungsphrase wiederherstellungscode phrasederécupération frasesemilla
cardnumber creditcard debitcard kreditkarte kartennummer numérodecarte cartedecrédit cartebancaire
númerodetarjeta tarjetadecrédito númerodocartão cartãodecrédito numerodicarta cartadicredito
numerodellacarta securitycode sicherheitscode prüfziffer verificationcode authenticationcode
authenticator passkey accesscode logincode securityanswer maidenname
twofactor 2fa onetimecode onetimepass onetimepin digitcode smscode einmalcode
bestätigungscode códigodeverificación codedevérification codicediverifica códigodeseguridad
codedesécurité socialsecurity sozialversicherungsnummer
sécuritésociale seguridadsocial seguridadesocial
пароль пароля паролем паролю пароли кодподтверждения кодизсмс номеркарты секретныйключ
приватныйключ κωδικόςπρόσβασης
密码 密碼 口令 验证码 驗證碼 密钥 密鑰 助记词 助記詞 信用卡号 信用卡號 银行卡号
パスワード 暗証 認証コード 秘密鍵 クレジットカード 비밀번호 암호 인증번호 카드번호 주민등록번호
mậtkhẩu katasandi كلمةالمرور كلمةالسر رمزالتحقق رقمالبطاقة पासवर्ड रहस्य รหัสผ่าน סיסמה סיסמא
"""
