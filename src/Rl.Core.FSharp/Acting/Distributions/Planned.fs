/// Actions that no network says: those of algorithms that plan.
namespace Rl.Core.Acting

open Rl.Core.Foundations

[<RequireQualifiedAccess>]
module PlannedPolicy =

    let internal name = "planned"

    /// n numbers without outputs of a network: whoever has such a policy acts by its plans (`PolicyModel.Plans`). It
    /// has no density, no samples and no mode; each is refused.
    let create (count: int) : ActionDistribution =
        let format = { Name = name; Sizes = [ count ]; Numbers = []; Parts = [] }

        { ActionDistribution.numbers format 0 count with
            Mode = ModeAction(fun _ _ -> Guard.fail "distribution" "A planned policy has no mode; ask its planner.")
        }
