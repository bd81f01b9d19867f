using System.Threading.Tasks;
using Orleans;

namespace Rl.Distributed.Grains;

/// <summary>Work in a worker, which may be asked whether it is still at it: a reply that was lost on its way, or that
/// the learner cannot read, is never heard of otherwise.</summary>
[Alias("Rl.IWorkGrain")]
internal interface IWorkGrain : IGrainWithStringKey
{
    /// <summary>Whether the worker is at the request of this number.</summary>
    [Alias("IsAt")]
    Task<bool> IsAt(long request);
}
