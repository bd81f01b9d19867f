using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Rl.Bench.Quick;

/// <summary>What one core can do: its rate of fused multiply-adds, which no product of matrices can exceed, and the
/// rate at which it streams memory.</summary>
internal static class PeakRate
{
    private const int Iterations = 20_000;
    private const int Chains = 20;

    /// <summary>float32 operations a second, two for each multiply-add.</summary>
    public static double Measure()
    {
        // .NET calls 512 bits accelerated only where it prefers them; the peak is that of the widest vectors there are.
        var wide = Vector512.IsHardwareAccelerated || Avx512F.IsSupported;
        var lanes = wide ? 16 : 8;
        var sink = 0f;
        var (seconds, _) = Quick.Measure.Run(() => sink += wide ? Chain512(1.0000001f) : Chain256(1.0000001f));
        GC.KeepAlive(sink);
        return 2.0 * lanes * Chains * Iterations / seconds;
    }

    /// <summary>Bytes a second of c ← a + s·b with arrays of <paramref name="count"/> float32: two streams read and
    /// one written.</summary>
    public static double Bandwidth(int count)
    {
        var a = new float[count];
        var b = new float[count];
        var c = new float[count];
        var (seconds, _) = Quick.Measure.Run(() => Triad(a, b, c));
        return 3.0 * sizeof(float) * count / seconds;
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static void Triad(float[] a, float[] b, float[] c)
    {
        var scale = Vector512.Create(0.9f);
        for (var i = 0; i <= a.Length - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var sum = Vector512.Create(a.AsSpan(i)) + (scale * Vector512.Create(b.AsSpan(i)));
            sum.CopyTo(c.AsSpan(i));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chain512(float seed)
    {
        var m = Vector512.Create(seed);
        var a = Vector512.Create(1e-9f);
        Vector512<float> c0 = a, c1 = a, c2 = a, c3 = a, c4 = a, c5 = a, c6 = a, c7 = a, c8 = a, c9 = a;
        Vector512<float> d0 = a, d1 = a, d2 = a, d3 = a, d4 = a, d5 = a, d6 = a, d7 = a, d8 = a, d9 = a;
        for (var i = 0; i < Iterations; i++)
        {
            c0 = Vector512.FusedMultiplyAdd(c0, m, a);
            c1 = Vector512.FusedMultiplyAdd(c1, m, a);
            c2 = Vector512.FusedMultiplyAdd(c2, m, a);
            c3 = Vector512.FusedMultiplyAdd(c3, m, a);
            c4 = Vector512.FusedMultiplyAdd(c4, m, a);
            c5 = Vector512.FusedMultiplyAdd(c5, m, a);
            c6 = Vector512.FusedMultiplyAdd(c6, m, a);
            c7 = Vector512.FusedMultiplyAdd(c7, m, a);
            c8 = Vector512.FusedMultiplyAdd(c8, m, a);
            c9 = Vector512.FusedMultiplyAdd(c9, m, a);
            d0 = Vector512.FusedMultiplyAdd(d0, m, a);
            d1 = Vector512.FusedMultiplyAdd(d1, m, a);
            d2 = Vector512.FusedMultiplyAdd(d2, m, a);
            d3 = Vector512.FusedMultiplyAdd(d3, m, a);
            d4 = Vector512.FusedMultiplyAdd(d4, m, a);
            d5 = Vector512.FusedMultiplyAdd(d5, m, a);
            d6 = Vector512.FusedMultiplyAdd(d6, m, a);
            d7 = Vector512.FusedMultiplyAdd(d7, m, a);
            d8 = Vector512.FusedMultiplyAdd(d8, m, a);
            d9 = Vector512.FusedMultiplyAdd(d9, m, a);
        }

        return Vector512.Sum(
            c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9
            + d0 + d1 + d2 + d3 + d4 + d5 + d6 + d7 + d8 + d9);
    }

    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    private static float Chain256(float seed)
    {
        // Ten chains keep the two pipelines of such machines busy with 16 registers; the loop runs twice as long for
        // the same count.
        var m = Vector256.Create(seed);
        var a = Vector256.Create(1e-9f);
        Vector256<float> c0 = a, c1 = a, c2 = a, c3 = a, c4 = a, c5 = a, c6 = a, c7 = a, c8 = a, c9 = a;
        for (var i = 0; i < 2 * Iterations; i++)
        {
            c0 = Vector256.FusedMultiplyAdd(c0, m, a);
            c1 = Vector256.FusedMultiplyAdd(c1, m, a);
            c2 = Vector256.FusedMultiplyAdd(c2, m, a);
            c3 = Vector256.FusedMultiplyAdd(c3, m, a);
            c4 = Vector256.FusedMultiplyAdd(c4, m, a);
            c5 = Vector256.FusedMultiplyAdd(c5, m, a);
            c6 = Vector256.FusedMultiplyAdd(c6, m, a);
            c7 = Vector256.FusedMultiplyAdd(c7, m, a);
            c8 = Vector256.FusedMultiplyAdd(c8, m, a);
            c9 = Vector256.FusedMultiplyAdd(c9, m, a);
        }

        return Vector256.Sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9);
    }
}
