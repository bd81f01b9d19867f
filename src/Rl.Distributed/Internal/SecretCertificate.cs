using System;
using System.Collections.Concurrent;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Rl.Distributed.Internal;

/// <summary>A certificate that follows from a secret: whoever knows the secret has the same private key, and proves it
/// in the handshake of TLS, which asks both sides for a certificate. So one secret encrypts all connections and keeps
/// strangers out, without certificates to hand out.</summary>
internal static class SecretCertificate
{
    private const int Iterations = 600_000;

    private static readonly byte[] Salt = Encoding.UTF8.GetBytes("Rl.Distributed, a key of P-256");

    /// <summary>The order of P-256 (SEC 2, section 2.4.2): private keys lie between 0 and it.</summary>
    private static readonly BigInteger Order = BigInteger.Parse(
        "0FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
        System.Globalization.NumberStyles.HexNumber,
        System.Globalization.CultureInfo.InvariantCulture);

    private static readonly ConcurrentDictionary<string, X509Certificate2> Known = new(StringComparer.Ordinal);

    public static X509Certificate2 Of(string secret) => Known.GetOrAdd(secret, Make);

    /// <summary>Whether a peer's certificate has the same key, of which it has proved to know the private
    /// part.</summary>
    public static bool IsSame(X509Certificate2 own, X509Certificate2? other) =>
        other is not null
        && CryptographicOperations.FixedTimeEquals(
            own.PublicKey.ExportSubjectPublicKeyInfo(), other.PublicKey.ExportSubjectPublicKeyInfo());

    private static X509Certificate2 Make(string secret)
    {
        // Twice as many bits as needed, so that the remainder is as good as uniform.
        var bytes = Rfc2898DeriveBytes.Pbkdf2(
            Encoding.UTF8.GetBytes(secret), Salt, Iterations, HashAlgorithmName.SHA512, 64);
        var number = 1 + new BigInteger(bytes, isUnsigned: true, isBigEndian: true) % (Order - 1);
        var scalar = new byte[32];
        var digits = number.ToByteArray(isUnsigned: true, isBigEndian: true);
        digits.CopyTo(scalar, scalar.Length - digits.Length);
        using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = scalar });
        var request = new CertificateRequest("CN=Rl cluster", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(
            new DateTimeOffset(2000, 1, 1, 0, 0, 0, TimeSpan.Zero),
            new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero));

        // Some platforms take no key that was only in memory.
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
    }
}
