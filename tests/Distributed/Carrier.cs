using System;
using Rl.Core.Distributed;

namespace Rl.Tests.Distributed;

/// <summary>Has rounds done by a function.</summary>
internal sealed class Carrier(Action<DistributedRound> carry) : IRoundCarrier
{
    public void Carry(DistributedRound round) => carry(round);
}
