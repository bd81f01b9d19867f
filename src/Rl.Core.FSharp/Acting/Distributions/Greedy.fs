/// The choice of the largest action value: what a Q-network acts as.
namespace Rl.Core.Acting

open Rl.Core.Distributions

[<RequireQualifiedAccess>]
module GreedyPolicy =

    let internal name = "greedy"

    /// The outputs are action values Q(s, ·) [..., actions]; of equal ones the first is taken. Impossible choices count
    /// as −∞. It draws nothing: its samples are its mode, of log-probability 0.
    let create (actions: int) : ActionDistribution =
        let format = { Name = name; Sizes = [ actions ]; Numbers = []; Parts = [] }

        { ActionDistribution.numbers format actions 1 with
            Choices = actions
            MaskOutput = CategoricalPolicy.maskOutput
            Mask = MaskOutputs(fun possible outputs -> CategoricalPolicy.mask possible outputs)
            Sample =
                SampleAction(fun outputs _ action rng ->
                    action[0] <- float32 (Categorical.modeOf outputs)
                    struct (0.0f, rng))
            Mode = ModeAction(fun outputs action -> action[0] <- float32 (Categorical.modeOf outputs))
            Choice =
                ActionDistribution.undrawn (fun mask output ->
                    CategoricalPolicy.possible mask output.Policy |> CategoricalPolicy.largest)
        }
