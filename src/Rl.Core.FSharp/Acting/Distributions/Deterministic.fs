/// Numbers that the network says itself, as the policies of DDPG and TD3 do: exploring is somebody else's work.
namespace Rl.Core.Acting

[<RequireQualifiedAccess>]
module DeterministicPolicy =

    let internal name = "deterministic"

    /// The outputs [..., n] are the action; give the layers a tanh at the end to keep it within the bounds' units. It
    /// has no density: its samples are its mode, of log-probability 0.
    let create (count: int) : ActionDistribution =
        let format = { Name = name; Sizes = [ count ]; Numbers = []; Parts = [] }

        { ActionDistribution.numbers format count count with
            Sample =
                SampleAction(fun outputs _ action rng ->
                    outputs.CopyTo action
                    struct (0.0f, rng))
        }
