using System;
using Rl.Core.Acting;

namespace Rl;

/// <summary>The hidden layers of an agent's networks, as a value: it compares, prints and is saved with the agent.
/// <see cref="Automatic"/> leaves them to the other options; <see cref="Of"/> and <see cref="Separate"/> take layers of
/// your own, and options that say layers then have no effect and are refused.</summary>
/// <example><code>Network = Network.Of(n => n
///     .Branch("camera", b => b.Convolution(16, 3).Flatten().Dense(64))
///     .Branch("state", b => b.Dense(32))
///     .Dense(64).LayerNormalisation().Residual(r => r.Dense(64)))</code></example>
public sealed record Network
{
    internal Network(NetworkDesign core)
    {
        Core = core;
    }

    /// <summary>Layers as the other options say: <c>Hidden</c>, <c>Activation</c>, <c>Convolutions</c> and
    /// <c>SharedTrunk</c>.</summary>
    public static Network Automatic { get; } = new(NetworkDesign.Automatic);

    internal NetworkDesign Core { get; }

    /// <summary>One path of layers for all networks of an agent; each has a linear layer of its own after them, and a
    /// recurrent layer stands between where one is asked for.</summary>
    /// <remarks>Policy and value function share its parameters with PPO, losses of your own and A2C, which move both at
    /// once; with other algorithms each network has its own. A critic that takes actions has them as a branch after the
    /// others, or where there are no branches, beside what the first dense layer takes.</remarks>
    /// <param name="layers">Adds the branches, then the layers on what they give, first to last.</param>
    /// <exception cref="ArgumentException">There are no layers, or one has numbers that it cannot have.</exception>
    public static Network Of(Action<NetworkBuilder> layers) =>
        Checked(NetworkDesign.NewShared(NetworkBuilder.Path(layers, nameof(layers))));

    /// <summary>Layers of their own for the policy and the value function, which then share nothing.</summary>
    /// <param name="actor">Adds the policy's branches and layers.</param>
    /// <param name="critic">Adds those of the value function.</param>
    /// <exception cref="ArgumentException">There are no layers, or one has numbers that it cannot have.</exception>
    public static Network Separate(Action<NetworkBuilder> actor, Action<NetworkBuilder> critic) =>
        Checked(
            NetworkDesign.NewSeparate(
                NetworkBuilder.Path(actor, nameof(actor)), NetworkBuilder.Path(critic, nameof(critic))));

    /// <summary>From text: <c>auto</c>, or layers such as <c>branch("camera")[conv(16, 3) flatten dense(64, relu)]
    /// branch("state")[dense(32)] dense(64) norm residual[dense(64)]</c>, also within <c>actor[…]
    /// critic[…]</c>.</summary>
    /// <exception cref="ArgumentException">The text is none of these.</exception>
    public static Network Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Checked(NetworkDesignModule.parse(nameof(text), text));
    }

    /// <summary>The text that <see cref="Parse"/> reads.</summary>
    public override string ToString() => NetworkDesignModule.print(Core);

    private static Network Checked(NetworkDesign core)
    {
        NetworkDesignModule.check(nameof(Network), core);
        return new(core);
    }
}
